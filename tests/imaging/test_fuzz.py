"""A few hundred damaged files; ``scripts/fuzz_intake.py`` makes as many as one likes."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from hilum import imaging
from hilum.domain import Radiograph
from hilum.errors import DamagedFile
from scripts import fuzz_intake as fuzz

MUTANTS = 300


def test_damaged_files_are_read_or_refused(tmp_path: Path):
    tally = fuzz.run(MUTANTS, seed=20)
    assert not tally.failures
    assert sum(tally.outcomes.values()) == MUTANTS
    assert {"read", "damaged", "not-an-image", "invalid-header"} <= set(tally.outcomes)
    result = fuzz.report(tally, seed=20, real=None, seconds=1.0)
    assert json.loads(json.dumps(result))["mutants"] == MUTANTS


def test_a_mutant_can_be_made_again():
    whole = fuzz.originals()
    again = fuzz.originals()
    made = [fuzz.mutant(whole, 3, number) for number in range(40)]
    assert made == [fuzz.mutant(again, 3, number) for number in range(40)]
    assert made != [fuzz.mutant(whole, 4, number) for number in range(40)]
    assert len({data for data, _ in made}) > 35


def test_whole_files_are_read(tmp_path: Path):
    file = tmp_path / "x"
    for original in fuzz.originals():
        file.write_bytes(original.data)
        assert imaging.read(file).shape == fuzz.SIZE, original.name


@pytest.mark.parametrize(
    ("raised", "what"),
    [
        (DamagedFile("It was cut."), "damaged"),
        (DamagedFile(f"It is {fuzz.NAME}'s."), "FAILED tells the patient"),
        (KeyError("Rows"), "FAILED raised"),
        (RecursionError(), "FAILED raised"),
    ],
)
def test_what_is_raised_is_judged(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, raised: Exception, what: str
):
    def fall(*_: object, **__: object) -> Radiograph:
        raise raised

    monkeypatch.setattr("hilum.imaging.inspection.read", fall)
    monkeypatch.setattr(imaging, "read", fall)
    file = tmp_path / "x"
    file.write_bytes(fuzz.originals()[0].data)
    assert fuzz._try(file, [])[0] == what


def test_what_is_read_is_judged(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    file = tmp_path / "x"
    file.write_bytes(fuzz.originals()[0].data)
    whole = imaging.read(file)
    assert fuzz._try(file, []) == ("read", "")
    for wrong in (np.nan, 1.5, -0.1):
        pixels = np.full_like(whole.pixels, wrong)
        broken = Radiograph.__new__(Radiograph)
        for field in ("source", "acquisition", "notes", "chroma"):
            object.__setattr__(broken, field, getattr(whole, field))
        object.__setattr__(broken, "pixels", pixels)
        monkeypatch.setattr(imaging, "read", lambda *_, broken=broken, **__: broken)
        assert fuzz._try(file, [])[0] == "FAILED grey levels"
