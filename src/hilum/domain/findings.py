"""The vocabulary of findings: one row each."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from hilum.errors import UnknownName
from hilum.registry import unknown


@dataclass(frozen=True, slots=True)
class Finding:
    """A thoracic finding.

    Attributes:
        key: lower case with underscores; what the code and the files' keys use.
        name: display name in English.
        name_zh: display name in Traditional Chinese (繁體中文).
        label: how it is written in label columns: no spaces, so that a space can separate labels.
        code: (coding scheme, value): ("SCT", …) for SNOMED CT, ("DCM", …) for PS3.16 Annex D;
            None where no code is known to mean just this.
        appearance: one sentence on what it looks like.
        synonyms: other spellings in published tables, compared without case, space or underscore.
    """

    key: str
    name: str
    name_zh: str
    label: str
    code: tuple[str, str] | None
    appearance: str
    synonyms: tuple[str, ...] = ()


_ROWS = (
    Finding("atelectasis", "Atelectasis", "肺塌陷", "Atelectasis", ("SCT", "46621007"),
            "A part of the lung with too little air: a band or wedge of density that pulls "
            "fissures, diaphragm or mediastinum towards it."),
    Finding("cardiomegaly", "Cardiomegaly", "心臟肥大", "Cardiomegaly", ("SCT", "8186001"),
            "A heart wider than half of the chest on a PA view; AP views enlarge it falsely."),
    Finding("effusion", "Pleural effusion", "肋膜積液", "Effusion", ("SCT", "60046008"),
            "Fluid that blunts the costophrenic angle and rises along the chest wall, or veils the "
            "whole lung when the patient lies.", ("Pleural Effusion",)),
    Finding("infiltration", "Infiltration", "浸潤", "Infiltration", ("DCM", "112121"),
            "A poorly defined density in the lung; a word of old reports that covers pneumonia, "
            "oedema and more.", ("Infiltrate",)),
    Finding("mass", "Mass", "腫塊", "Mass", ("SCT", "4147007"),
            "A rounded density of more than 3 cm."),
    Finding("nodule", "Nodule", "結節", "Nodule", ("SCT", "27925004"),
            "A rounded density of at most 3 cm."),
    Finding("pneumonia", "Pneumonia", "肺炎", "Pneumonia", ("SCT", "233604007"),
            "Infection of the lung: patchy or lobar density, often with air bronchograms; a "
            "diagnosis that the picture alone cannot make."),
    Finding("pneumothorax", "Pneumothorax", "氣胸", "Pneumothorax", ("SCT", "36118008"),
            "Air between lung and chest wall: a thin pleural line without markings beyond it."),
    Finding("consolidation", "Consolidation", "實質化", "Consolidation", ("SCT", "95436008"),
            "Air spaces filled so that vessels vanish and bronchi may stand out as dark branches."),
    Finding("edema", "Pulmonary oedema", "肺水腫", "Edema", ("SCT", "19242006"),
            "Fluid in the lung: wide hila, septal lines, haze around the hila on both sides.",
            ("Oedema", "Pulmonary Edema", "Pulmonary Oedema")),
    Finding("emphysema", "Emphysema", "肺氣腫", "Emphysema", ("SCT", "87433001"),
            "Destroyed air spaces: dark, large lungs with few vessels and flat diaphragms."),
    Finding("fibrosis", "Fibrosis", "肺纖維化", "Fibrosis", ("SCT", "51615001"),
            "Scarred lung: a net of lines, lost volume, pulled hila or trachea.",
            ("Pulmonary Fibrosis",)),
    Finding("pleural_thickening", "Pleural thickening", "肋膜增厚", "Pleural_Thickening",
            None,
            "A dense rim along the chest wall or over the apex that does not move like fluid."),
    Finding("hernia", "Hiatal hernia", "橫膈裂孔疝氣", "Hernia", ("SCT", "84089009"),
            "Stomach above the diaphragm: a rounded density behind the heart, often with an air "
            "fluid level.", ("Hiatal Hernia", "Hiatus Hernia")),
    Finding("no_finding", "No finding", "無異常發現", "No_Finding", None,
            "None of the findings that the report was searched for; not the same as healthy."),
    Finding("covid_19", "COVID-19", "新冠肺炎", "Covid-19", ("SCT", "840539006"),
            "Pneumonia by SARS-CoV-2: often patchy peripheral densities low on both sides; many "
            "patients have a normal radiograph.", ("COVID", "COVID19")),
)  # fmt: skip


def _fold(text: str) -> str:
    return "".join(c for c in text.casefold() if c.isalnum())


_BY_KEY = {row.key: row for row in _ROWS}
_BY_SPELLING: dict[str, Finding] = {}
for _row in _ROWS:
    for _text in {_fold(t) for t in (_row.key, _row.name, _row.label, *_row.synonyms)}:
        if _text in _BY_SPELLING:
            raise ValueError(f"{_text!r} names two findings")
        _BY_SPELLING[_text] = _row

CHEST14 = tuple(row.key for row in _ROWS[:14])
"""The fourteen findings of ChestX-ray14, in that collection's order."""


def finding(key: str) -> Finding:
    """The finding of that key.

    Raises:
        UnknownName: no such key; the message lists near matches.
    """
    if key not in _BY_KEY:
        raise UnknownName(unknown("finding", key, _BY_KEY))
    return _BY_KEY[key]


def from_label(text: str) -> Finding:
    """The finding that a published table means, whatever its case, spaces and underscores.

    Raises:
        UnknownName: no finding is spelt so; the message lists near matches.

    Example:
        >>> from_label("Pleural Thickening").key
        'pleural_thickening'
    """
    found = _BY_SPELLING.get(_fold(text))
    if found is None:
        raise UnknownName(unknown("finding", text, (row.label for row in _ROWS)))
    return found


def all_findings() -> Iterator[Finding]:
    """Every finding, in the order of the vocabulary."""
    return iter(_ROWS)
