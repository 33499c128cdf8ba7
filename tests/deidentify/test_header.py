"""Attributes of a header, one by one."""

from __future__ import annotations

import copy

import pytest
from pydicom import DataElement, Dataset
from pydicom.datadict import dictionary_VR, keyword_for_tag
from pydicom.sequence import Sequence

from hilum.deidentify import Rules, header
from hilum.deidentify.profile import ACTIONS, OPTIONS, profile
from hilum.errors import DamagedFile, InvalidHeader, RunError
from hilum.imaging.masking import masked
from tests.deidentify.drawn import EVERYTHING, PLAIN, SECRET

DX = "1.2.840.10008.5.1.4.1.1.1.1"
SR = "1.2.840.10008.5.1.4.1.1.88.33"
SAMPLES = {
    "AE": "STATION9", "AS": "044Y", "CS": "SOMETHING", "DA": "20200102", "DS": "1.5", "DT":
    "20200102030405", "IS": "12", "LO": "Quibble", "LT": "Quibble", "OB": b"QQ", "OW": b"QQ",
    "PN": "Quibble^Zed", "SH": "Quibble", "SL": 3, "ST": "Quibble", "TM": "030405", "UC":
    "Quibble", "UI": "1.2.3.9", "UL": 3, "UN": b"QQ", "UR": "http://quibble", "US": 3,
    "UT": "Quibble", "FD": 1.5, "FL": 1.5, "OF": b"QQQQ", "OL": b"QQQQ", "OD": b"Q" * 8,
    "SS": 3, "AT": 0x00100010, "SV": 3, "UV": 3, "OV": b"Q" * 8,
}  # fmt: skip


def dataset(sop_class: str = DX, **elements) -> Dataset:
    made = Dataset()
    made.SOPClassUID, made.SOPInstanceUID = sop_class, "1.2.3.4.5"
    made.StudyInstanceUID, made.SeriesInstanceUID = "1.2.3", "1.2.3.4"
    made.PatientID = "ZED-123456"
    for keyword, value in elements.items():
        setattr(made, keyword, value)
    return made


def known_rows():
    """Rows of the table that pydicom's dictionary knows and that are no sequences."""
    for row in profile().values():
        keyword = keyword_for_tag(row.tag)
        if keyword and dictionary_VR(row.tag).split(" or ")[0] != "SQ":
            yield row


def test_the_table_is_whole():
    table = profile()
    assert len(table) > 640
    assert {row.action for row in table.values()} == set(ACTIONS)
    assert set().union(*(row.options for row in table.values())) == OPTIONS
    assert table[0x00100010].action == "Z"
    assert table[0x00080018].action == "U"
    for row in known_rows():
        assert keyword_for_tag(row.tag) == row.attribute


@pytest.mark.parametrize("sop_class", [DX, SR], ids=["image", "report"])
def test_no_value_of_a_listed_attribute_stays(sop_class):
    made = dataset(sop_class)
    for row in known_rows():
        if row.tag >> 16 > 2:
            vr = dictionary_VR(row.tag).split(" or ")[0]
            made[row.tag] = DataElement(row.tag, vr, SAMPLES[vr])
    clean = header(made, PLAIN)
    for row in known_rows():
        element = clean.get(row.tag)
        if element is None or element.is_empty:
            continue
        assert element.value != made[row.tag].value, row.attribute
        assert "uibble" not in str(element.value), row.attribute
        assert row.action != "X" or row.tag in (0x00700082, 0x00700083), row.attribute


@pytest.mark.parametrize(
    ("option", "kept"),
    [
        ("keep_uids", {"StudyInstanceUID": "1.2.3", "SOPInstanceUID": "1.2.3.4.5"}),
        ("keep_patient", {"PatientSex": "F", "PatientAge": "090Y", "PatientSize": "1.7"}),
        ("keep_device", {"StationName": "ROOM1", "DeviceSerialNumber": "77"}),
        ("keep_institution", {"InstitutionName": "North"}),
        ("keep_descriptions", {"StudyDescription": "Chest PA", "ProtocolName": "thorax"}),
    ],
)
def test_an_option_keeps_what_it_names_and_nothing_else(option, kept):
    said = {
        "PatientSex": "F", "PatientAge": "093Y", "PatientSize": "1.7", "StationName": "ROOM1",
        "DeviceSerialNumber": "77", "InstitutionName": "North", "ProtocolName": "thorax by Zoe",
        "StudyDescription": "Chest PA, Mr. Quibble",
    }  # fmt: skip
    clean = header(dataset(**said), Rules(SECRET, **{option: True}))
    for keyword in (*said, "StudyInstanceUID", "SOPInstanceUID"):
        value = str(clean.get(keyword) or "")
        if keyword in kept:
            assert value == kept[keyword]
        elif keyword.endswith("UID"):
            assert value.startswith("2.25.")
        else:
            assert value == ""
    codes = {item.CodeValue for item in clean.DeidentificationMethodCodeSequence}
    assert {"113100", "113103", "113104"} < codes
    assert len(codes) == 4


@pytest.mark.parametrize(
    ("dates", "study", "modified"),
    [("remove", "", "REMOVED"), ("shift", None, "MODIFIED"), ("keep", "20240301", "UNMODIFIED")],
)
def test_dates(dates, study, modified):
    made = dataset(StudyDate="20240301", SeriesDate="20240302", PatientBirthDate="19560312",
                   StudyTime="101112")  # fmt: skip
    made[0x00181012] = DataElement(0x00181012, "DA", "2024", validation_mode=0)
    clean = header(made, Rules(SECRET, dates=dates))
    assert clean.PatientBirthDate == ""
    assert "DateOfSecondaryCapture" not in clean  # no date as DICOM writes them
    assert clean.LongitudinalTemporalInformationModified == modified
    if study is not None:
        assert clean.StudyDate == study
        return
    assert clean.StudyDate not in ("", "20240301")
    assert clean.StudyTime == "101112"
    other = header(dataset(StudyDate="20240310"), Rules(SECRET, dates=dates))
    assert int(other.StudyDate) > int(clean.StudyDate) or other.StudyDate[:6] != clean.StudyDate[:6]


def test_patients_have_their_own_names_and_shifts():
    one, again = (header(dataset(PatientID=n), EVERYTHING) for n in ("A1", "A1 "))
    other = header(dataset(PatientID="A2"), EVERYTHING)
    assert one.PatientID == again.PatientID == str(one.PatientName)
    assert one.PatientID != other.PatientID
    elsewhere = header(dataset(PatientID="A1"), Rules(b"another secret of tests"))
    assert elsewhere.PatientID != one.PatientID


def test_the_header_that_came_is_not_changed():
    made = dataset(PatientName="Quibble^Zed", StudyDate="20240301")
    made.RequestAttributesSequence = Sequence([dataset()])
    before = copy.deepcopy(made)
    header(made, EVERYTHING)
    assert made == before


def test_unlisted_text_goes_unless_it_is_technical():
    made = dataset(Manufacturer="Acme", FilterType="by Quibble", ExposureControlModeDescription="Q",
                   BodyPartExamined="CHEST", KVP="125", Modality="DX")  # fmt: skip
    clean = header(made, PLAIN)
    assert (clean.Manufacturer, clean.BodyPartExamined, clean.KVP) == ("Acme", "CHEST", 125)
    assert clean.FilterType == clean.ExposureControlModeDescription == ""


def test_the_lists_of_inspect_and_of_the_table_agree():
    """What the table takes away, `hilum inspect` does not show, but for what an option may keep."""
    for row in known_rows():
        vr = dictionary_VR(row.tag).split(" or ")[0]
        if row.tag >> 16 > 2 and vr in SAMPLES and vr not in ("US", "UL", "FL", "FD"):
            shown = masked(DataElement(row.tag, vr, SAMPLES[vr])) is None
            assert not shown or row.options & {"patient", "device"} or vr in ("CS", "DS", "IS"), (
                row.attribute
            )


def test_words_that_tell_are_found_in_what_would_stay():
    made = dataset(PatientName="Lin^Acme", Manufacturer="Acme Corp", BodyPartExamined="CHEST",
                   PixelIntensityRelationship="LIN", SeriesNumber="12")  # fmt: skip
    clean = header(made, PLAIN)
    assert clean.Manufacturer == ""
    assert clean.PixelIntensityRelationship == "LIN"
    assert clean.SeriesNumber == 12


def test_a_patient_may_be_called_as_a_part_of_the_body():
    made = dataset(PatientName="Hand^Chest", Manufacturer="Hand Ltd", BodyPartExamined="CHEST",
                   StudyDescription="chest and hand, supine")  # fmt: skip
    clean = header(made, EVERYTHING)
    assert (clean.Manufacturer, clean.BodyPartExamined) == ("", "CHEST")
    assert clean.StudyDescription == "supine"


def test_private_elements_are_kept_where_they_are_named_and_numbers():
    made = dataset()
    block = made.private_block(0x0019, "ACME 1", create=True)
    block.add_new(0x10, "DS", "1.25")
    block.add_new(0x11, "LO", "Quibble")
    block.add_new(0x12, "DS", "2.5")
    keep = frozenset({("ACME 1", 0x0019, 0x10), ("ACME 1", 0x0019, 0x11)})
    clean = header(made, Rules(SECRET, keep_private=keep))
    assert clean[0x00191010].value == 1.25
    assert clean[0x00190010].value == "ACME 1"
    assert 0x00191011 not in clean
    assert 0x00191012 not in clean
    assert not [tag for tag in header(made, PLAIN) if tag.tag.is_private]


def test_references_in_items_follow_and_classes_stay():
    item = Dataset()
    item.ReferencedSOPClassUID, item.ReferencedSOPInstanceUID = DX, "1.2.3.4.5"
    made = dataset()
    made.SourceImageSequence = Sequence([item])
    clean = header(made, PLAIN)
    [kept] = clean.SourceImageSequence
    assert kept.ReferencedSOPInstanceUID == clean.SOPInstanceUID
    assert kept.ReferencedSOPClassUID == DX


def test_texts_of_reports_and_annotations_are_replaced():
    name, text = Dataset(), Dataset()
    name.ValueType, name.PersonName = "PNAME", "Quibble^Zed"
    text.ValueType, text.TextValue = "TEXT", "Mr. Quibble coughs"
    made = dataset(SR)
    made.ContentSequence = Sequence([name, text])
    words = Dataset()
    words.UnformattedTextValue = "Quibble"
    graphic = Dataset()
    graphic.TextObjectSequence = Sequence([words])
    made.GraphicAnnotationSequence = Sequence([graphic])
    clean = header(made, PLAIN)
    assert clean.ContentSequence[0].PersonName == "REMOVED"
    assert clean.ContentSequence[1].TextValue == "REMOVED"
    told = clean.GraphicAnnotationSequence[0].TextObjectSequence[0]
    assert told.UnformattedTextValue == "REMOVED"


def test_what_cannot_be_a_header_is_refused():
    with pytest.raises(InvalidHeader, match="SOPInstanceUID is missing"):
        header(dataset(SOPInstanceUID=""), PLAIN)
    with pytest.raises(RunError, match="at least 16"):
        Rules(b"short")
    made = dataset()
    made[0x00200011] = DataElement(0x00200011, "IS", 1)
    made._dict[made["SeriesNumber"].tag] = _raw(made)
    with pytest.raises(DamagedFile, match="makes no sense"):
        header(made, PLAIN)


def _raw(made):
    from pydicom.dataelem import RawDataElement

    return RawDataElement(made["SeriesNumber"].tag, "FD", 3, b"abc", 0, False, True)
