"""What a header says of patient and time."""

from __future__ import annotations

from typing import Any

import pytest
from pydicom import Dataset
from pydicom.dataelem import RawDataElement
from pydicom.tag import BaseTag

from hilum.imaging.dicomfile import quiet
from hilum.service.headers import _clock, _day, _taken, _Texts

DATES = [
    ({"StudyDate": "20260101", "StudyTime": "072501.123"}, "20260101072501"),
    ({"StudyDate": "20260101", "StudyTime": "0725"}, "202601010725"),
    ({"StudyDate": "20260101", "StudyTime": "07:25:01"}, "20260101072501"),
    ({"StudyDate": "20260101", "StudyTime": "in the morning"}, "20260101"),
    ({"StudyDate": "2026.01.01", "StudyTime": "07"}, "2026010107"),
    ({"StudyDate": "202601", "StudyTime": "0725"}, ""),
    ({"StudyDate": "20261399", "StudyTime": "0725"}, ""),
    ({"StudyTime": "072501"}, ""),
    ({"StudyTime": "20260101"}, ""),
    ({"AcquisitionDate": "20260102", "StudyDate": "20260101", "StudyTime": "2359"},
     "202601022359"),
    ({"AcquisitionDate": "20260102", "AcquisitionTime": "0001", "StudyDate": "20260101",
      "StudyTime": "2359"}, "202601020001"),
    ({"AcquisitionTime": "0001", "StudyDate": "20260101", "StudyTime": "2359"}, "202601012359"),
    ({"AcquisitionDate": "0", "StudyDate": "20260101"}, "20260101"),
    ({}, ""),
]  # fmt: skip


@pytest.mark.parametrize(("header", "taken"), DATES)
def test_when_it_was_taken(header: dict[str, Any], taken: str) -> None:
    with quiet():
        source = Dataset()
        for keyword, value in header.items():
            setattr(source, keyword, value)
        assert _taken(_Texts(source)) == taken


@pytest.mark.parametrize(
    ("text", "day"),
    [("19600229", "19600229"), ("19610229", ""), ("1960", ""), ("1960.02.29", "19600229"),
     ("１９６００２２９", ""), ("", "")],
)  # fmt: skip
def test_days(text: str, day: str) -> None:
    assert _day(text) == day


@pytest.mark.parametrize(("text", "time"), [("24", ""), ("0760", ""), ("235959.", "235959")])
def test_times(text: str, time: str) -> None:
    assert _clock(text) == time


def test_a_chinese_name_after_an_escape() -> None:
    source = Dataset()
    for tag, vr, value in (
        (0x00080005, "CS", b"\\ISO 2022 IR 58"),
        (0x00100010, "PN", b"Zhang=\x1b$)A\xd5\xc5^\x1b$)A\xd0\xa1\xb6\xab"),
    ):
        key = BaseTag(tag)
        source._dict[key] = RawDataElement(key, vr, len(value), value, 0, False, True, True)
    source.set_original_encoding(False, True, ["iso8859", "iso_ir_58"])
    assert _Texts(source)("PatientName", 400) == "Zhang=张^小东"
