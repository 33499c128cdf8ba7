"""Names of pictures stay inside the folder and never collide."""

import pytest

from hilum.report.names import file_stem

BAD = [
    "../x.png",
    "/etc/passwd",
    "a/../../b.png",
    "..",
    ".",
    "",
    "a//b",
    "C:\\x.png",
    "con",
    "NUL.png",
    "com¹.dcm",
    "a\x00b.png",
    "a\nb.png",
    "tail. ",
    ".hidden",
    "x\u202egnp.exe",
    "\udcff.png",
    "a:b.png",
    "x" * 5000,
    "肺" * 300,
]


def test_plain_names_are_kept():
    assert file_stem("00000032_001.png") == "00000032_001.png"
    assert file_stem("ward/病房 1/x.dcm") == "ward__病房 1__x.dcm"


@pytest.mark.parametrize("name", BAD)
def test_bad_names_become_one_plain_file(tmp_path, name):
    stem = file_stem(name)
    target = tmp_path / "previews" / f"{stem}.pleural_thickening.jpg"
    target.parent.mkdir()
    target.write_bytes(b"x")
    assert [p.name for p in target.parent.iterdir()] == [target.name]
    assert not set(stem) & set('/\\:*?"<>|\x00\n~') - {"~"}
    assert "~" in stem  # a hash tells it from every other name
    assert not stem.startswith(".")


def test_folders_and_underscores_do_not_collide():
    assert len({file_stem(n) for n in ("a/b", "a__b", "a_/b", "a/_b", "a___b")}) == 5
