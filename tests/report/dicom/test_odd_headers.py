"""Headers as real devices write them: a valid object, or an error that says why."""

from __future__ import annotations

import pytest
from pydicom import Dataset

from hilum.errors import ResultError
from hilum.report.dicom.source import cleaned
from tests.report.dicom.conftest import FACTS, faults, header, record, refusal
from tests.report.dicom.test_objects import MAKE


def raw(source: Dataset, tag: int, vr: str, value: bytes) -> Dataset:
    """Put bytes into a header as a file would bring them, whatever they are."""
    from pydicom.dataelem import RawDataElement
    from pydicom.tag import BaseTag

    source._dict[BaseTag(tag)] = RawDataElement(
        BaseTag(tag), vr, len(value), value, 0, False, True, True
    )
    return source


ODD = {
    "date that is none": (0x00080020, "DA", b"20261399", "StudyDate", ""),
    "date of old": (0x00080020, "DA", b"2026.01.02", "StudyDate", ""),
    "date of a month only": (0x00100030, "DA", b"197001", "PatientBirthDate", ""),
    "time of 25 hours": (0x00080030, "TM", b"256000", "StudyTime", ""),
    "time with a fraction": (0x00080030, "TM", b"030405.5", "StudyTime", "030405.5"),
    "sex in words": (0x00100040, "CS", b"MALE", "PatientSex", ""),
    "sex in small letters": (0x00100040, "CS", b"m ", "PatientSex", ""),
    "number too long": (0x00080050, "SH", b"1234567890123456789", "AccessionNumber", ""),
    "control letters": (0x00100020, "LO", b"AB\x07\x1bC1 ", "PatientID", "ABC1"),
    "two numbers": (0x00100020, "LO", b"AB\\CD", "PatientID", ""),
    "name in an odd kind": (0x00100010, "OB", b"AB\x00\xff", "PatientName", ""),
    "name too long": (0x00100010, "PN", b"A" * 70, "PatientName", ""),
    "name of four groups": (0x00100010, "PN", b"A=B=C=D", "PatientName", ""),
    "sequence for a text": (0x00200010, "SQ", b"", "StudyID", ""),
    "modality in small letters": (0x00080060, "CS", b"dx", "Modality", "OT"),
    "age in words": (0x00101010, "AS", b"old ", "PatientAge", None),
    "weight of nothing": (0x00101030, "DS", b"heavy ", "PatientWeight", None),
    "half an orientation": (0x00200020, "CS", b"L ", "PatientOrientation", []),
    "an orientation of nothing": (0x00200020, "CS", b"X\\Y ", "PatientOrientation", []),
    "a zone of nothing": (0x00080201, "SH", b"+9999 ", "TimezoneOffsetFromUTC", None),
}


@pytest.mark.parametrize("case", ODD)
def test_odd_values_stay_out(case, tmp_path):
    tag, vr, value, keyword, expected = ODD[case]
    source = raw(header(tmp_path), tag, vr, value)
    kept = cleaned(source).get(keyword)
    assert kept == expected if expected != "" else not kept
    for kind in ("sr", "sc"):
        assert faults(MAKE[kind](source, FACTS, record()), tmp_path) == [], kind


@pytest.mark.parametrize(
    ("charset", "name", "expected"),
    [
        (b"ISO_IR 192", "Wang^A=王^小東".encode(), "Wang^A=王^小東"),
        (b"GB18030", "Wang^A=王^小东".encode("gb18030"), "Wang^A=王^小东"),
        (b"ISO_IR 100", "Müller^Jörg".encode("latin-1"), "Müller^Jörg"),
        (b"\\ISO 2022 IR 87", b"Yamada=\x1b$B;3ED\x1b(B", "Yamada=山田"),
        (b"\\ISO 2022 IR 58", b"Zhang=\x1b$)A\xd5\xc5^\x1b$)A\xd0\xa1\xb6\xab", "Zhang=张^小东"),
        (b"\\ISO 2022 IR 149", b"Hong=\x1b$)C\xfb\xf3^\x1b$)C\xd1\xce\xd4\xd7", "Hong=洪^吉洞"),
        (b"ISO_IR 144", "Люк".encode("iso8859-5"), "Люк"),
    ],
    ids=["UTF-8", "GB18030", "Latin", "Japanese", "Chinese", "Korean", "Cyrillic"],
)
def test_names_of_every_character_set(charset, name, expected, tmp_path):
    from io import BytesIO

    from pydicom import dcmread, dcmwrite

    source = header(tmp_path)
    plain = Dataset()
    plain.update(source)
    raw(plain, 0x00080005, "CS", charset + b" " * (len(charset) % 2))
    raw(plain, 0x00100010, "PN", name + b" " * (len(name) % 2))
    file = BytesIO()
    dcmwrite(file, plain, implicit_vr=False, little_endian=True)
    again = dcmread(BytesIO(file.getvalue()), force=True)
    assert str(cleaned(again).PatientName) == expected
    for kind, make in MAKE.items():
        assert faults(make(again, FACTS, record()), tmp_path) == [], kind


def test_long_texts_in_chinese(tmp_path):
    source = header(tmp_path, patient_name="王" * 60, patient_id="病" * 60)
    source.StudyDescription = "胸部" * 30
    source.AccessionNumber = "單" * 15
    for kind, make in MAKE.items():
        made = make(source, FACTS, record())
        assert made.StudyDescription == "胸部" * 30
        # PS3.5 6.2 counts characters, dciodvfy bytes
        assert all("Length invalid" in fault for fault in faults(made, tmp_path)), kind


@pytest.mark.parametrize("undecodable", [b"\xa4\xfd^\xa4p", b"\xff\xfe", b"A^\x80"])
def test_names_that_fit_no_character_set(undecodable, tmp_path):
    source = raw(header(tmp_path), 0x00100010, "PN", undecodable)
    for kind, make in MAKE.items():
        assert faults(make(source, FACTS, record()), tmp_path) == [], kind


@pytest.mark.parametrize(
    "keyword", ["StudyInstanceUID", "SeriesInstanceUID", "SOPInstanceUID", "SOPClassUID"]
)
@pytest.mark.parametrize("uid", [None, b"", b"1.2.x", b"1..2", b"1.2.03", b"9.2", b"1." * 40])
@pytest.mark.parametrize("kind", ["sr", "sc"])
def test_without_identity_there_is_nothing(kind, keyword, uid, tmp_path):
    source = header(tmp_path)
    if uid is None:
        delattr(source, keyword)
    else:
        tag = source.data_element(keyword).tag
        raw(source, int(tag), "UI", uid)
    with pytest.raises(ResultError, match=keyword) as told:
        MAKE[kind](source, FACTS, refusal())
    assert uid is None or len(uid) < 3 or uid.decode() not in str(told.value)


@pytest.mark.parametrize("kind", MAKE)
def test_a_class_that_is_no_image(kind, tmp_path):
    source = header(tmp_path)
    source.SOPClassUID = "1.2.840.10008.1.1"  # verification
    with pytest.raises(ResultError, match="SOP Class Verification"):
        MAKE[kind](source, FACTS, record())


@pytest.mark.parametrize("kind", ["gsps", "seg-lungs", "seg-heatmaps"])
def test_nothing_is_placed_without_a_size(kind, tmp_path):
    source = header(tmp_path)
    del source.Rows
    with pytest.raises(ResultError, match="Rows"):
        MAKE[kind](source, FACTS, record())
