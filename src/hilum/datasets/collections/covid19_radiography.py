"""COVID-19 Radiography Database: a folder a class, no patients."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from hilum.datasets import counts
from hilum.datasets.collection import Collection, Variant
from hilum.domain import LabelTable, State
from hilum.domain.text import text
from hilum.errors import LabelError

SIDE_PX = 299
"""Sides of the published PNG files."""

ROOTS = ("", "COVID-19_Radiography_Dataset")
"""Where the folders of the classes lie: in the folder, or one below as the archive unpacks."""

LABELS = {
    "COVID": "covid_19",
    "Normal": "normal",
    "Lung_Opacity": "opacity",
    "Viral Pneumonia": "viral_pneumonia",
}

FINDINGS = tuple(LABELS.values())

STATES = {
    "COVID": (State.PRESENT, State.ABSENT, State.UNMENTIONED, State.UNMENTIONED),
    "Normal": (State.ABSENT, State.PRESENT, State.ABSENT, State.ABSENT),
    "Lung_Opacity": (State.ABSENT, State.ABSENT, State.PRESENT, State.UNMENTIONED),
    "Viral Pneumonia": (State.ABSENT, State.ABSENT, State.UNMENTIONED, State.PRESENT),
}
"""What a class says of each finding. "Lung_Opacity" is an infection that is not COVID-19, perhaps
viral; of opacity nothing is said in the folders of COVID-19 and viral pneumonia."""

NOTES = (
    (
        "This collection names no patients: each image counts as a patient of its own. Pictures of "
        "one patient, and copies of one picture, may stand in two parts of a split; search for "
        "near-duplicates before splitting."
    ),
    (
        "Each class came from other hospitals and publications than the next: a model can tell "
        "them apart by their source."
    ),
)


def _read(folder: Path) -> LabelTable:
    root = next((r for r in ROOTS if (folder / r / "COVID").is_dir()), None)
    if root is None:
        raise LabelError(f"No folder COVID in {folder}, nor in {ROOTS[1]} below it.")
    images: list[str] = []
    states: list[tuple[State, ...]] = []
    for label in LABELS:
        place = folder / root / label
        inner = place / "images" if (place / "images").is_dir() else place
        found = sorted(path.relative_to(folder).as_posix() for path in inner.glob("*.png"))
        if not found:
            raise LabelError(f"Class {label!r} has no PNG in {inner.relative_to(folder)}.")
        images += found
        states += [STATES[label]] * len(found)
    sides = np.full(len(images), SIDE_PX, np.int32)
    return LabelTable(
        images=text(images),
        findings=FINDINGS,
        states=np.array(states, np.uint8),
        patients=text([Path(image).stem for image in images]),
        columns={"width_px": sides, "height_px": sides},
        notes=NOTES,
    )


# Page of the database, version of 2021, and README_of_the_dataset.
_PRESENT = {"covid_19": 3_616, "normal": 10_192, "opacity": 6_012, "viral_pneumonia": 1_345}

COLLECTION = Collection(
    name="covid19-radiography",
    title="COVID-19 Radiography Database",
    about="Frontal radiographs gathered from other collections and publications in four classes: "
    "COVID-19, normal, other lung infection with opacity, viral pneumonia; 8-bit PNG of "
    "299 × 299 px. Names no patients.",
    citation="Chowdhury MEH, Rahman T, Khandakar A, et al. Can AI Help in Screening Viral and "
    "COVID-19 Pneumonia? IEEE Access 2020;8:132665–132676. Rahman T, Khandakar A, Qiblawey Y, et "
    "al. Exploring the effect of image enhancement techniques on COVID-19 detection using chest "
    "X-ray images. Computers in Biology and Medicine 2021;132:104319.",
    licence="Stated on the collection's page by its publisher; the images keep the licences of the "
    "collections that they come from, listed in *.metadata.xlsx.",
    home="https://www.kaggle.com/datasets/tawsifurrahman/covid19-radiography-database",
    layout="""\
COVID/images/COVID-1.png …
Normal/images/Normal-1.png …
Lung_Opacity/images/Lung_Opacity-1.png …
Viral Pneumonia/images/Viral Pneumonia-1.png …
(all below COVID-19_Radiography_Dataset/ as the archive unpacks; without images/ in older versions;
masks/ and *.metadata.xlsx are not read: the folders say the class)""",
    files=tuple(
        f"{root}{'/' if root else ''}{label}/{inner}*.png"
        for root in ROOTS
        for label in LABELS
        for inner in ("images/", "")
    ),
    variants={
        "folders": Variant(
            about="The folder is the class; what it says nothing of is left unmentioned.",
            read=_read,
            counts=(counts.images(21_165), *counts.present(_PRESENT)),
        )
    },
    labels=LABELS,
    same_images_as=(
        "chestxray14",
        "nih-cxr-lt",
        "rsna-pneumonia",
        "paediatric-pneumonia",
        "covid-chestxray",
    ),
)
