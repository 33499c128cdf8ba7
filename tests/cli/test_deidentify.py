"""``hilum deidentify`` as a user calls it."""

from __future__ import annotations

import stat

import numpy as np
import pydicom
import pytest

from hilum import imaging
from tests.deidentify.drawn import TELLING, burned, chest, planted, stored


@pytest.fixture
def study(tmp_path):
    folder = tmp_path / "in"
    folder.mkdir()
    planted(folder)
    return folder


def test_a_study(hilum, study, tmp_path):
    picture, _ = burned(chest(), "ROESLER 1956", (40, 60), height=26)
    imaging.write_dicom(study / "b.dcm", stored(picture), bits_stored=12, window=(2048, 4096))
    secret, out = tmp_path / "secret", tmp_path / "out"
    done = hilum("deidentify", study, "-o", out, "--secret", secret, "--new-secret",
                 "--dates", "shift", "--keep-patient", "--keep-descriptions",
                 "--crosswalk", tmp_path / "cross.csv")  # fmt: skip
    assert done.status == 0, done.err
    assert "2 files found; 2 to clean" in done.out
    assert "Cleaned 2 of 2 files" in done.out
    assert "Text was blacked in 1" in done.out
    assert stat.S_IMODE(secret.stat().st_mode) == 0o600
    told = f"{done.out} {done.err}".lower()
    assert not [word for word in TELLING if word in told]
    again = hilum("deidentify", study, "-o", out, "--secret", secret,
                  "--dates", "shift", "--keep-patient", "--keep-descriptions")  # fmt: skip
    assert again.status == 0
    assert "2 of them done before; 0 to clean" in again.out


def test_refusals_are_told_and_not_copied(hilum, study, tmp_path):
    (study / "Roesler.dcm").write_text("Roesler")
    done = hilum("deidentify", study, "-o", tmp_path / "out", "--secret", tmp_path / "secret",
                 "--new-secret")  # fmt: skip
    assert done.status == 1
    assert "REFUSED, and not copied: 1" in done.out
    assert "not-an-image" in done.out
    assert len(list((tmp_path / "out" / "files").iterdir())) == 1


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ((), "--new-secret` makes one"),
        (("--new-secret", "--pixels", "blur"), "pixels 'blur' is unknown"),
        (("--new-secret", "--dates", "later"), "dates 'later' is unknown"),
        (("--new-secret", "--keep-private", "0018,1000"), "names no private element"),
        (("--new-secret", "--keep-private", "ACME:0018,10"), "names no private element"),
    ],
)
def test_what_cannot_be_done(hilum, study, tmp_path, options, said):
    done = hilum("deidentify", study, "-o", tmp_path / "out", "--secret", tmp_path / "s", *options)
    assert done.status == 2
    assert said in done.err
    assert sorted(path.name for path in tmp_path.iterdir()) == ["in"]


def test_secrets(hilum, study, tmp_path):
    secret, out = tmp_path / "secret", tmp_path / "out"
    secret.write_text("short\n")
    assert "at least 16" in hilum("deidentify", study, "-o", out, "--secret", secret).err
    assert "exists" in hilum("deidentify", study, "-o", out, "--secret", secret, "--new-secret").err
    inside = hilum("deidentify", study, "-o", out, "--secret", out / "secret", "--new-secret")
    assert "keep it apart" in inside.err
    secret.write_text("long enough for a secret\n")
    secret.chmod(0o644)
    assert "chmod 600" in hilum("deidentify", study, "-o", out, "--secret", secret).err


def test_an_error_of_hilum_costs_a_row_and_quotes_nothing(hilum, study, tmp_path, monkeypatch):
    def broken(*_, **__):
        raise ZeroDivisionError("Roesler")

    monkeypatch.setattr("hilum.deidentify.work.clean_dicom", broken)
    done = hilum("deidentify", study, "-o", tmp_path / "out", "--secret", tmp_path / "s",
                 "--new-secret")  # fmt: skip
    assert done.status == 1
    assert "failed" in done.out
    table = (tmp_path / "out" / "refused.csv").read_text()
    assert "ZeroDivisionError at test_deidentify.py" in table
    assert "roesler" not in table.lower() + done.out.lower() + done.err.lower()


def test_private_elements(hilum, study, tmp_path):
    path = imaging.write_dicom(study / "b.dcm", np.full((64, 64), 7, np.uint16))
    dataset = pydicom.dcmread(path)
    dataset.private_block(0x0019, "ACME 1", create=True).add_new(0x10, "DS", "1.25")
    dataset.save_as(path)
    done = hilum("deidentify", path, "-o", tmp_path / "out", "--secret", tmp_path / "s",
                 "--new-secret", "--safe-private", "--keep-private", "ACME 1:0019,10")  # fmt: skip
    assert done.status == 0
    [made] = (tmp_path / "out" / "files").iterdir()
    assert pydicom.dcmread(made)[0x00191010].value == 1.25
