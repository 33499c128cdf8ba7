import pytest
from pydicom.sr.codedict import codes

from hilum.domain import CHEST14, all_findings, finding, from_label
from hilum.errors import UnknownName


def test_fourteen_findings_in_the_order_of_chestxray14() -> None:
    labels = [finding(key).label for key in CHEST14]
    assert labels == [
        "Atelectasis", "Cardiomegaly", "Effusion", "Infiltration", "Mass", "Nodule", "Pneumonia",
        "Pneumothorax", "Consolidation", "Edema", "Emphysema", "Fibrosis", "Pleural_Thickening",
        "Hernia",
    ]  # fmt: skip


@pytest.mark.parametrize("text", ["Pleural_Thickening", "pleural thickening", "PleuralThickening"])
def test_case_spaces_and_underscores_do_not_matter(text: str) -> None:
    assert from_label(text).key == "pleural_thickening"


def test_labels_hold_no_space() -> None:
    assert not [f.label for f in all_findings() if " " in f.label]


def test_an_unknown_label_lists_near_matches() -> None:
    with pytest.raises(UnknownName, match="did you mean Pneumonia"):
        from_label("Pneumonya")


@pytest.mark.parametrize(
    ("key", "concept"),
    [
        ("effusion", codes.SCT.PleuralEffusion),
        ("pneumothorax", codes.SCT.Pneumothorax),
        ("edema", codes.SCT.PulmonaryEdema),
        ("mass", codes.SCT.Mass),
        ("nodule", codes.SCT.Nodule),
        ("infiltration", codes.DCM.Infiltrate),
    ],
)
def test_codes_are_those_of_the_standard(key: str, concept: object) -> None:
    code = finding(key).code
    assert code == (concept.scheme_designator, concept.value)  # type: ignore[attr-defined]
