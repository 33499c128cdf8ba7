from pathlib import Path

import pytest
from pydicom.sr.codedict import codes

from hilum.domain import CHEST14, all_findings, finding, from_label
from hilum.domain.findings import known_finding, wider
from hilum.errors import UnknownName
from tests.domain.findings_page import page

KEYS = [f.key for f in all_findings()]


def test_fourteen_findings_in_the_order_of_chestxray14() -> None:
    labels = [finding(key).label for key in CHEST14]
    assert labels == [
        "Atelectasis", "Cardiomegaly", "Effusion", "Infiltration", "Mass", "Nodule", "Pneumonia",
        "Pneumothorax", "Consolidation", "Edema", "Emphysema", "Fibrosis", "Pleural_Thickening",
        "Hernia",
    ]  # fmt: skip
    assert tuple(KEYS[:14]) == CHEST14


@pytest.mark.parametrize("text", ["Pleural_Thickening", "pleural thickening", "PleuralThickening"])
def test_case_spaces_and_underscores_do_not_matter(text: str) -> None:
    assert from_label(text).key == "pleural_thickening"


def test_labels_hold_no_space_and_are_unique() -> None:
    labels = [f.label for f in all_findings()]
    assert not [label for label in labels if " " in label]
    assert len(set(labels)) == len(labels)


def test_keys_are_lower_case_with_underscores() -> None:
    assert not [key for key in KEYS if not key.replace("_", "").isalnum() or key != key.lower()]
    assert all(known_finding(key) for key in KEYS)
    assert not known_finding("Mass")


def test_every_finding_is_described_in_one_sentence_and_both_languages() -> None:
    for row in all_findings():
        assert row.appearance.endswith("."), row.key
        assert ". " not in row.appearance, row.key
        assert any("\u4e00" <= c <= "\u9fff" for c in row.name_zh), row.key
        assert not any("\u4e00" <= c <= "\u9fff" for c in row.name), row.key


@pytest.mark.parametrize("key", KEYS)
def test_chinese_names_are_in_traditional_characters(key: str) -> None:
    finding(key).name_zh.encode("big5")  # which has no simplified ones


def test_no_name_stands_for_two_findings() -> None:
    names = [f.name_zh for f in all_findings()]
    assert len(set(names)) == len(names)


@pytest.mark.parametrize("key", KEYS)
def test_parents_are_findings_and_lead_to_no_circle(key: str) -> None:
    assert key not in wider(key)
    assert all(known_finding(parent) for parent in finding(key).parents)


def test_wider_findings_come_nearest_first() -> None:
    assert wider("mrsa_pneumonia") == ("staphylococcal_pneumonia", "bacterial_pneumonia",
                                       "pneumonia")  # fmt: skip
    assert wider("nodule") == ("nodule_or_mass", "lung_lesion", "opacity")
    assert wider("hydropneumothorax") == ("effusion", "pneumothorax")
    assert wider("normal") == ()


def test_a_covid_19_patient_may_have_a_clear_lung() -> None:
    assert wider("covid_19") == ()


def test_an_unknown_label_lists_near_matches() -> None:
    with pytest.raises(UnknownName, match="did you mean Pneumonia"):
        from_label("Pneumonya")


IN_DICOM = {
    "effusion": codes.SCT.PleuralEffusion,
    "pneumothorax": codes.SCT.Pneumothorax,
    "edema": codes.SCT.PulmonaryEdema,
    "mass": codes.SCT.Mass,
    "nodule": codes.SCT.Nodule,
    "infiltration": codes.DCM.Infiltrate,
    "death": codes.SCT.Dead,
    "opacity": codes.DCM.Opacity,
    "ground_glass": codes.DCM.GroundGlassOpacity,
    "interstitial_pattern": codes.DCM.AbnormalInterstitialPattern,
    "reticular_pattern": codes.DCM.ReticularPattern,
    "reticulonodular_pattern": codes.DCM.ReticulonodularPattern,
    "miliary_pattern": codes.DCM.MiliaryPattern,
    "septal_lines": codes.DCM.SeptalLines,
    "air_bronchogram": codes.DCM.AirBronchogram,
    "air_fluid_level": codes.DCM.AirFluidLevel,
    "air_trapping": codes.SCT.AirTrapping,
    "laminar_atelectasis": codes.SCT.PlateLikeAtelectasis,
    "lung_metastasis": codes.SCT.PulmonaryMetastasis,
    "pneumomediastinum": codes.SCT.Pneumomediastinum,
    "aortic_aneurysm": codes.SCT.AorticAneurysm,
    "heart_failure": codes.SCT.HeartFailure,
    "pericardial_effusion": codes.SCT.PericardialEffusion,
    "heart_valve_calcification": codes.SCT.CalcifiedHeartValve,
    "dextrocardia": codes.SCT.Dextrocardia,
    "pulmonary_hypertension": codes.SCT.PulmonaryHypertension,
    "lymphadenopathy": codes.SCT.Lymphadenopathy,
    "bone_metastasis": codes.SCT.BonyMetastasis,
    "gynaecomastia": codes.SCT.Gynecomastia,
    "endotracheal_tube": codes.SCT.EndotrachealTube,
    "ureteric_stent": codes.SCT.UretericStent,
    "chest_drain": codes.DCM.ChestTube,
    "catheter": codes.SCT.Catheter,
    "central_venous_catheter": codes.DCM.CentralLine,
    "venous_port": codes.DCM.Portacath,
    "pacemaker": codes.SCT.CardiacPacemaker,
    "heart_valve_prosthesis": codes.SCT.HeartValveProsthesis,
    "prosthesis": codes.SCT.Prosthesis,
    "breast_implant": codes.SCT.BreastProsthesisDevice,
    "suture_material": codes.SCT.Suture,
}
"""Codes that stand in PS3.16, as pydicom has them."""

IN_SNOMED = {
    "atelectasis": "46621007",
    "cardiomegaly": "8186001",
    "pneumonia": "233604007",
    "consolidation": "95436008",
    "emphysema": "87433001",
    "fibrosis": "51615001",
    "hernia": "84089009",
    "covid_19": "840539006",
    "viral_pneumonia": "75570004",
    "sars": "398447004",
    "bacterial_pneumonia": "53084003",
    "pneumocystis_pneumonia": "415125002",
    "aspiration_pneumonia": "422588002",
    "tuberculosis": "154283005",
    "ards": "67782005",
    "bronchiectasis": "12295008",
    "interstitial_lung_disease": "233703007",
    "copd": "13645005",
    "haemothorax": "31892009",
    "fracture": "125605004",
    "rib_fracture": "33737001",
    "osteoporosis": "64859006",
    "scoliosis": "298382003",
}
"""SNOMED CT codes that PS3.16 does not list; a code goes here when it was seen in a value set."""


@pytest.mark.parametrize("key", sorted(IN_DICOM))
def test_codes_are_those_of_the_standard(key: str) -> None:
    concept = IN_DICOM[key]
    assert finding(key).code == (concept.scheme_designator, concept.value)


def test_every_other_code_was_looked_up() -> None:
    others = {f.key: f.code for f in all_findings() if f.code and f.key not in IN_DICOM}
    assert others == {key: ("SCT", value) for key, value in IN_SNOMED.items()}


def test_no_code_stands_for_two_findings() -> None:
    given = [f.code for f in all_findings() if f.code]
    assert len(set(given)) == len(given)


def test_the_page_of_findings_is_up_to_date(repository: Path) -> None:
    written = (repository / "docs" / "findings.md").read_text("utf-8")
    assert written == page(), "write it anew: python -m tests.domain.findings_page"
