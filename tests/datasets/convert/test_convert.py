"""A collection through the command line to pictures and tables."""

from __future__ import annotations

import tarfile
import zipfile
from collections import Counter

import numpy as np
import pytest

from hilum.cli import main
from hilum.datasets.convert import (
    Options,
    from_folders,
    from_labels,
    images_of,
    output_names,
)
from hilum.errors import IntakeError, LabelError, RunError
from hilum.imaging import find_files, read
from hilum.imaging.write import TRANSFER_SYNTAXES
from tests.datasets.convert.conftest import (
    SECRET,
    chest_file,
    contents,
    hilum,
    quick,
    rows,
    stored,
)

PICTURES = len(TRANSFER_SYNTAXES) + 3


@pytest.fixture(scope="module")
def flat(collection, tmp_path_factory):
    """The collection converted; what was said, and the destination."""
    out = tmp_path_factory.mktemp("flat") / "out"
    return hilum(collection, out, "--size", "200", "--workers", "2"), out


def test_every_file_is_a_picture_a_copy_or_refused(flat):
    done, out = flat
    assert done.returncode == 1, done.stderr
    manifest = rows(out / "manifest.csv")
    pictures = sorted(p.relative_to(out).as_posix() for p in (out / "images").iterdir())
    assert [row["image"] for row in manifest] == pictures
    assert len(pictures) == PICTURES
    assert sum(int(row["sources"]) for row in manifest) == PICTURES + 1
    refused = Counter(row["code"] for row in rows(out / "private" / "refused.csv"))
    assert refused == {"not-an-image": 1, "damaged": 1}
    assert f"{PICTURES + 1} of {PICTURES + 3} files" in done.stdout
    assert "1 sources are copies of others" in done.stdout
    assert "NOT converted: 2" in done.stdout


def test_the_way_back_leads_to_the_file(flat, collection):
    _, out = flat
    sources = rows(out / "private" / "sources.csv")
    assert {row["source"] for row in sources} == {
        file.path.absolute().as_posix()
        for file in find_files([collection])
        if file.name not in ("e.dcm", "f.dcm")
    }
    for row in sources:
        radiograph = read(row["source"])
        assert radiograph.source.instance_uid == row["sop_instance_uid"]
    names = output_names(out, ["a.png", f"2021/{SECRET}-rle.dcm", "rle.dcm", "e.dcm"])
    assert names[0] in {row["image"] for row in sources}
    assert names[1] == names[2] == images_of(out)[str(collection / "copy" / "rle.dcm")]
    assert names[3] is None


def test_nothing_of_names_or_headers_is_shared(flat):
    _, out = flat
    shared = {n: d for n, d in contents(out).items() if not n.startswith("private/")}
    assert len(shared) == PICTURES + 1
    for name, data in shared.items():
        assert SECRET.encode() not in data
        assert SECRET not in name
    assert (out / "private").stat().st_mode & 0o077 == 0
    assert SECRET.encode() in (out / "private" / "sources.csv").read_bytes()


def test_a_second_run_has_nothing_to_do_and_changes_nothing(flat, collection):
    _, out = flat
    before = contents(out)
    again = hilum(collection, out, "--size", "200", "--workers", "2")
    assert "0 to convert" in again.stdout
    assert again.returncode == 1  # some are refused still
    assert contents(out) == before


def test_results_can_be_read_and_converted(flat, tmp_path):
    _, out = flat
    found = find_files([out])
    assert len(found) == PICTURES
    assert quick([out], tmp_path / "again", Options(size=100)).pictures == PICTURES


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--size", "100"], "size 200 there, 100 here"),
        (["--size", "200", "--format", "jpeg"], "format png there, jpeg here"),
        (["--size", "200", "--drop-blurred"], "drop_blurred False there, True here"),
        (["--size", "9"], "give 32 px or more"),
        (["--size", "tall"], "no number of pixels"),
        (["--format", "gif"], "one of png, jpeg, htj2k"),
        (["--format", "jpeg", "--bits", "keep"], "JPEG holds 8 bits"),
        (["--mend", "--bits", "keep"], "does not go with"),
        (["--size", "200", "--engine", "slurm"], "Unknown engine 'slurm'"),
        (["--class", "normal"], "go with --layout class"),
    ],
)
def test_what_cannot_be_done_is_said(flat, collection, arguments, said, capsys):
    _, out = flat
    before = contents(out)
    with pytest.raises(SystemExit) as end:
        main(["convert", str(collection), str(out), *arguments])
    assert end.value.code == 2
    assert said in capsys.readouterr().err
    assert contents(out) == before


@pytest.mark.parametrize(
    ("sources", "out", "said"),
    [
        (["study"], "study", "source and destination at once"),
        (["study"], "study/deep/out", "lies in the source"),
        (["study/deep"], "study", "lies in the destination"),
        (["study"], "full", "holds files that are no conversion"),
        (["study"], "like", "holds files that are no conversion"),
        (["study"], "full/file.txt", "is a file"),
        (["empty"], "out", "No radiographs in"),
        (["nowhere"], "out", "does not exist"),
    ],
)
def test_places_that_do_not_do(tmp_path, sources, out, said):
    for folder in ("study/deep", "full", "empty", "like/images"):
        (tmp_path / folder).mkdir(parents=True)
    chest_file(tmp_path / "study" / "deep" / "a.dcm")
    for name in ("full/file.txt", "like/images/1.png"):
        (tmp_path / name).write_text("mine")
    with pytest.raises(RunError, match=said):
        quick([tmp_path / source for source in sources], tmp_path / out)
    assert not (tmp_path / "out").exists()


def test_a_dry_run_writes_nothing(many, tmp_path):
    done = hilum(many, tmp_path / "out", "--dry-run", "--workers", "2")
    assert done.returncode == 0, done.stderr
    assert not (tmp_path / "out").exists()
    assert "60 files found; 60 to convert" in done.stdout
    assert "with 2 workers" in done.stdout
    assert "8 files tried" in done.stdout


def test_archives_are_converted_as_folders_are(tmp_path):
    folder = tmp_path / "study"
    folder.mkdir()
    for seed in range(4):
        chest_file(folder / f"{seed}.dcm", seed)
    with zipfile.ZipFile(tmp_path / "study.zip", "w") as archive:
        for path in sorted(folder.iterdir()):
            archive.write(path, f"ward/{path.name}")
    with tarfile.open(tmp_path / "study.tar.gz", "w:gz") as archive:
        archive.add(folder, "ward")
    options = Options(size=100)
    plain = quick([folder], tmp_path / "plain", options)
    assert plain.pictures == 4
    for name in ("study.zip", "study.tar.gz"):
        out = tmp_path / f"out-{name}"
        assert quick([tmp_path / name], out, options).pictures == 4
        same = contents(tmp_path / "plain")
        assert {n: d for n, d in contents(out).items() if not n.startswith("private")} == {
            n: d for n, d in same.items() if not n.startswith("private")
        }
        assert f"{(tmp_path / name).as_posix()}/ward/0.dcm" in images_of(out)
        sources = [row["source"] for row in rows(out / "private" / "sources.csv")]
        assert all(read(source).shape == (300, 280) for source in sources)


def test_a_tree_has_the_shape_of_the_source_and_none_of_its_names(tmp_path):
    places = ["anna/x/1.dcm", "anna/x/2.dcm", "anna/y/3.dcm", "bert/x/4.dcm", "5.dcm"]
    for seed, place in enumerate(places):
        (tmp_path / "study" / place).parent.mkdir(parents=True, exist_ok=True)
        chest_file(tmp_path / "study" / place, seed)
    copy = tmp_path / "study" / "bert" / "x" / "copy.dcm"
    copy.write_bytes((tmp_path / "study" / places[0]).read_bytes())
    out, options = tmp_path / "out", Options(size=64, layout="tree")
    assert quick([tmp_path / "study"], out, options).pictures == len(places)
    made = images_of(out)
    root = (tmp_path / "study").as_posix()
    folder = {place: made[f"{root}/{place}"].rsplit("/", 1)[0] for place in places}
    assert folder[places[0]] == folder[places[1]]
    assert len(set(folder.values())) == 4
    assert folder["5.dcm"] == "images"
    assert folder[places[0]].rsplit("/", 1)[0] == folder[places[2]].rsplit("/", 1)[0]
    assert all(part.isdigit() for f in folder.values() for part in f.split("/")[1:])
    assert made[copy.as_posix()] == made[f"{root}/{places[0]}"]
    numbers = {row["source"]: row["folder"] for row in rows(out / "private" / "folders.csv")}
    assert f"images/{numbers[f'{root}/anna']}/{numbers[f'{root}/anna/x']}" == folder[places[0]]
    before = contents(out)
    (tmp_path / "study" / "aaron").mkdir()
    chest_file(tmp_path / "study" / "aaron" / "6.dcm", 6)
    assert quick([tmp_path / "study"], out, options).done == 1
    assert before.keys() < contents(out).keys()


def test_classes_by_folders(tmp_path):
    for seed, place in enumerate(
        ["COVID/images/1.dcm", "COVID/images/2.dcm", "normal/3.dcm", "Pneumonia/4.dcm"]
    ):
        (tmp_path / "study" / place).parent.mkdir(parents=True, exist_ok=True)
        chest_file(tmp_path / "study" / place, seed)
    both = tmp_path / "study" / "Pneumonia" / "same.dcm"
    both.write_bytes((tmp_path / "study" / "COVID/images/1.dcm").read_bytes())
    arguments = (tmp_path / "study", tmp_path / "out", "--layout", "class", "--class", "Normal")
    done = hilum(*arguments)
    assert done.returncode == 0, done.stderr
    held = {p.name: len(list(p.iterdir())) for p in (tmp_path / "out" / "images").iterdir()}
    assert held == {"Covid-19": 2, "Normal": 1, "Pneumonia": 2}
    manifest = rows(tmp_path / "out" / "manifest.csv")
    assert sum("several-classes" in row["notes"] for row in manifest) == 2


def test_classes_by_a_table(tmp_path):
    (tmp_path / "study" / "deep").mkdir(parents=True)
    for seed, place in enumerate(["1.dcm", "2.dcm", "deep/3.dcm"]):
        chest_file(tmp_path / "study" / place, seed)
    table = tmp_path / "labels.csv"
    table.write_text("image,label\n1.dcm,Effusion\n2.dcm,Mass|Effusion\ndeep/3.dcm,Mass\n")
    arguments = [tmp_path / "study", tmp_path / "out", "--layout", "class", "--table", table]
    done = hilum(*arguments, "--class-column", "label")
    assert done.returncode == 0, done.stderr
    held = sorted(p.name for p in (tmp_path / "out" / "images").iterdir())
    assert held == ["Effusion", "Effusion+Mass", "Mass"]
    sources = [path.as_posix() for path in sorted((tmp_path / "study").rglob("*.dcm"))]
    with pytest.raises(LabelError, match=r"2 of 3 files have no class in the table: '2.dcm', '3"):
        from_labels(sources, {"1.dcm": "Effusion"})
    with pytest.raises(LabelError, match=r"1 classes are labels of no finding: 'P77' \(1 rows\)"):
        from_labels(sources, {"1.dcm": "P77"})
    with pytest.raises(LabelError, match=r"2 files may be the image '1.dcm'.*'x/1.dcm'"):
        from_labels(["/x/1.dcm", "/y/1.dcm"], {"1.dcm": "Mass"})


def test_folders_that_may_name_patients_are_no_classes():
    with pytest.raises(LabelError, match=r"2 folders .* 'a/MILLER', 'b'.*--class"):
        from_folders(["COVID/1.png", "a/MILLER/2.png", "b/3.png"])
    assert from_folders(["COVID/1.png", "b/x/3.png"], ["B"]) == ["Covid-19", "B"]
    with pytest.raises(LabelError, match="cannot be a folder"):
        from_folders(["COVID/1.png"], ["../up"])


def test_the_same_pixels_and_a_uid_used_twice_are_told(tmp_path):
    (tmp_path / "study").mkdir()
    for name, seed, syntax, uid in (
        ("a", 0, "explicit", "1.2.3"),
        ("b", 0, "jpeg-ls", "1.2.4"),
        ("c", 1, "explicit", "1.2.4"),
    ):
        chest_file(tmp_path / "study" / f"{name}.dcm", seed, transfer_syntax=syntax,
                   instance_uid=uid)  # fmt: skip
    summary = quick([tmp_path / "study"], tmp_path / "out", Options(size=100))
    assert (summary.pictures, summary.same_pixels) == (3, 1)
    made = images_of(tmp_path / "out")
    manifest = {row["image"]: row for row in rows(tmp_path / "out" / "manifest.csv")}
    a, b, c = (manifest[made[f"{(tmp_path / 'study').as_posix()}/{n}.dcm"]] for n in "abc")
    assert {a["same_pixels_as"], b["same_pixels_as"]} == {"", min(a["image"], b["image"])}
    assert [("uid-reused" in row["notes"]) for row in (a, b, c)] == [False, True, True]


def test_a_changed_source_is_converted_again_and_a_lost_picture_made_again(tmp_path):
    study, out, options = tmp_path / "study", tmp_path / "out", Options(size=64)
    study.mkdir()
    for seed in range(3):
        chest_file(study / f"{seed}.dcm", seed)
    quick([study], out, options)
    chest_file(study / "1.dcm", 7, age="020Y")
    next(iter((out / "images").iterdir())).unlink()
    summary = quick([study], out, options)
    assert 1 <= summary.done <= 2
    fresh = tmp_path / "fresh"
    quick([study], fresh, options)
    assert contents(out) == contents(fresh)


def test_real_files_as_intake_reads_them(shared, tmp_path):
    summary = quick([shared / "dicom"], tmp_path / "out", Options(size=256))
    files = find_files([shared / "dicom"])
    codes = Counter(_code(file) for file in files)
    assert summary.converted == codes.pop("")
    assert summary.codes == codes
    assert summary.done == len(files)


def _code(file):
    try:
        read(file, longest_px=64)
    except IntakeError as error:
        return error.code
    return ""


def test_options_of_a_library_call_are_checked():
    with pytest.raises(RunError, match="quality 0"):
        Options(quality=0)
    assert Options(format="png", quality=50).facts() == Options(format="png").facts()
    assert np.array_equal(stored(1), stored(1))
