"""Every bad file of the intake table gets what the table says, and an explanation."""

from __future__ import annotations

import re
import time
from pathlib import Path

import numpy as np
import pytest

from hilum import imaging
from hilum.bundles import Bundle
from hilum.domain import Radiograph, Reading, Refusal
from hilum.errors import IntakeError
from hilum.reading import Reader
from tests.imaging.corpus import CASES, TELLING, Case

SECONDS = 10.0
WHAT_TO_DO = (
    r"[Cc]opy|Export|Convert|convert|Give|Pass|Check|Hilum reads DICOM|[Pp]ack |unpack|hilum read"
)
IN_OTHER_TESTS = {40, *range(45, 51)}


@pytest.fixture(scope="module")
def reader(tiny_bundle: Bundle) -> Reader:
    return Reader.of(tiny_bundle)


def test_the_whole_table_is_here():
    assert {case.number for case in CASES} | IN_OTHER_TESTS == set(range(1, 51))
    assert len({str(case) for case in CASES}) == len(CASES)


@pytest.mark.parametrize("case", CASES, ids=str)
def test_a_file_gets_what_the_table_says(
    case: Case, tmp_path: Path, reader: Reader, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.chdir(tmp_path)
    file = case.build(tmp_path)
    before = sorted(tmp_path.rglob("*"))
    begun = time.monotonic()
    radiograph, error = read(file)
    inspection = imaging.inspect(file)
    assert time.monotonic() - begun < SECONDS
    assert sorted(tmp_path.rglob("*")) == before

    if not case.either:
        check(case, radiograph, error)
    if case.reasons is not None:
        check_gate(case, reader.read(file))

    told = f"{error} {inspection.error} {inspection.rows} {inspection.notes}"
    if radiograph is not None:
        told += f"{radiograph.acquisition} {radiograph.source} {radiograph.notes}"
    assert not [word for word in TELLING if word in told.upper()]
    assert (inspection.error is None) is (radiograph is not None)
    if error is not None:
        assert inspection.error == (error.code, str(error))
        assert re.search(WHAT_TO_DO, str(error)), error


def read(file: Path) -> tuple[Radiograph | None, IntakeError | None]:
    try:
        return imaging.read(file), None
    except IntakeError as error:
        return None, error


def check(case: Case, radiograph: Radiograph | None, error: IntakeError | None) -> None:
    if case.error is not None:
        assert isinstance(error, case.error), error or "it was read"
        assert re.search(case.words, str(error)), error
        return
    assert radiograph is not None, error
    assert radiograph.pixels.dtype == np.float32
    assert np.isfinite(radiograph.pixels).all()
    assert case.notes <= {note.code for note in radiograph.notes}
    if case.pixels is not None:
        assert np.abs(radiograph.pixels - case.pixels).max() <= case.tolerance


def check_gate(case: Case, result: Reading | Refusal) -> None:
    reasons = {note.code for note in result.reasons} if isinstance(result, Refusal) else set()
    notes = {note.code for note in result.notes} if isinstance(result, Reading) else set()
    assert case.reasons is not None
    assert case.reasons <= reasons
    assert bool(case.reasons) is bool(reasons)
    assert case.flags <= notes
