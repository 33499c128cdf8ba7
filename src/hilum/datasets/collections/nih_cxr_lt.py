"""NIH-CXR-LT: twenty long-tailed labels on ChestX-ray14 images, all of them or one an image."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np

from hilum.datasets import counts
from hilum.datasets.collection import Collection, Variant
from hilum.datasets.collections.chestxray14 import (
    ENTRIES,
    FILES,
    SIDE_PX,
    patients_of,
    with_facts,
)
from hilum.datasets.columns import STATES, one_row_an_image, stated
from hilum.datasets.files import find_table, locate, need_table
from hilum.datasets.source import read_columns, read_header
from hilum.domain import LabelTable, State
from hilum.domain.text import Text, first_few, text
from hilum.errors import LabelError

LABELS: Mapping[str, str | None] = {
    "Atelectasis": "atelectasis", "Cardiomegaly": "cardiomegaly", "Consolidation": "consolidation",
    "Edema": "edema", "Effusion": "effusion", "Emphysema": "emphysema", "Fibrosis": "fibrosis",
    "Hernia": "hernia", "Infiltration": "infiltration", "Mass": "mass", "Nodule": "nodule",
    "Pleural Thickening": "pleural_thickening", "Pneumonia": "pneumonia",
    "Pneumothorax": "pneumothorax", "Pneumoperitoneum": "pneumoperitoneum",
    "Pneumomediastinum": "pneumomediastinum", "Subcutaneous Emphysema": "subcutaneous_emphysema",
    "Tortuous Aorta": "tortuous_aorta", "Calcification of the Aorta": "aortic_calcification",
    "No Finding": "no_finding",
}  # fmt: skip
"""In the order of the tables; the single-label tables write "Pleural_Thickening"."""

MULTI = {
    part: f"miccai2023_nih-cxr-lt_labels_{name}.csv"
    for part, name in (("train", "train"), ("tune", "val"), ("test", "test"))
}
SINGLE = {
    "train": "nih-cxr-lt_single-label_train.csv",
    "tune": "nih-cxr-lt_single-label_balanced-val.csv",
    "test": "nih-cxr-lt_single-label_test.csv",
}
BALANCED_TEST = "nih-cxr-lt_single-label_balanced-test.csv"


def _read_multi(folder: Path) -> LabelTable:
    return _finish(_read_parts(folder, MULTI), folder)


def _read_single(folder: Path) -> LabelTable:
    table = _read_parts(folder, SINGLE)
    odd = table.images[(table.states == State.PRESENT).sum(1) != 1].tolist()
    if odd:
        raise LabelError(f"{len(odd)} images have not exactly one label: {first_few(odd)}.")
    balanced = np.where(table.columns["split"] == "tune", text(["tune"]), text([""]))
    path = find_table(folder, BALANCED_TEST)
    if path is None:
        table = replace(table, notes=(*table.notes, f"{BALANCED_TEST} is not here."))
    else:
        chosen = np.isin(table.images, read_columns(path, ["id"])["id"])
        balanced[chosen] = "test"
    return _finish(replace(table, columns={**table.columns, "balanced": balanced}), folder)


def _finish(table: LabelTable, folder: Path) -> LabelTable:
    if find_table(folder, *ENTRIES.values()) is not None:
        table = with_facts(table, folder)
    sides = {side: np.full(len(table), SIDE_PX, np.int32) for side in ("width_px", "height_px")}
    return locate(replace(table, columns={**table.columns, **sides}), folder, FILES).table


def _read_parts(folder: Path, names: Mapping[str, str]) -> LabelTable:
    images, patients, splits, states = [], [], [], []
    for part, name in names.items():
        path = need_table(folder, name)
        cells, subject = _read_part(path)
        images.append(cells["id"])
        patients.append(patients_of(path, cells["id"], cells[subject]))
        splits.append(text([part] * len(cells["id"])))
        states.append(
            np.stack([stated(path, column, cells[column], STATES) for column in cells
                      if column not in {"id", subject}], axis=1)
        )  # fmt: skip
    keys = tuple(str(key) for key in LABELS.values())
    return one_row_an_image(
        "the tables",
        np.concatenate(images),
        np.concatenate(patients),
        (keys, np.concatenate(states)),
        {"split": np.concatenate(splits)},
    )


def _read_part(path: Path) -> tuple[dict[str, Text], str]:
    header = read_header(path)
    subject = "subject_id" if "subject_id" in header else "subj_id"
    underscored = "Pleural_Thickening" in header
    labels = [label.replace("Pleural ", "Pleural_") if underscored else label for label in LABELS]
    return read_columns(path, ["id", *labels, subject]), subject


def _by_key(numbers: str) -> dict[str, int]:
    keys = (str(key) for key in LABELS.values())
    return dict(zip(keys, map(int, numbers.split()), strict=True))


# Sums of the columns of miccai2023_nih-cxr-lt_labels_{train,val,test}.csv; 78,506 + 12,533 +
# 21,081 images as the paper states.
_MULTI = _by_key(
    "11559 2776 4667 2303 13317 2516 1686 227 19894 5782 6331 3385 1431 5302 316 253 1991 742 455 "
    "59406"
)
# Train and test lists as counted by users of both (they sum to 88,337 = 68,058 + 20,279 images);
# the tuning list has 15 images a class, the balanced test list 30, as the paper states.
_SINGLE = {
    key: 15 + number
    for key, number in _by_key(
        "4003 1034 1234 599 3804 315 689 89 9192 2068 2602 1068 298 2004 103 40 70 446 185 58494"
    ).items()
}

COLLECTION = Collection(
    name="nih-cxr-lt",
    title="NIH-CXR-LT",
    about="ChestX-ray14 with five more findings, mined from the same reports: twenty classes whose "
    "counts differ a thousandfold.",
    citation="Holste G, Wang S, Jiang Z, et al. Long-Tailed Classification of Thorax Diseases on "
    "Chest X-Ray: A New Benchmark Study. DALI 2022; Holste G, Jiang Z, Jaiswal A, et al. How Does "
    "Pruning Impact Long-Tailed Multi-Label Medical Image Classifiers? MICCAI 2023.",
    licence="As ChestX-ray14: no restriction on use; cite the papers, acknowledge the NIH Clinical "
    "Center and link its download page.",
    home="https://nihcc.app.box.com/v/ChestXray-NIHCC",
    layout="""\
PruneCXR/miccai2023_nih-cxr-lt_labels_{train,val,test}.csv     variant multi-label
LongTailCXR/nih-cxr-lt_single-label_{train,balanced-val,test,balanced-test}.csv
                                                               variant single-label
Data_Entry_2017_v2020.csv      view, sex, age; may be absent
images_001/images/*.png … images_012/images/*.png, or images/*.png""",
    files=FILES,
    variants={
        "multi-label": Variant(
            about="All twenty labels of every image (PruneCXR, 2023).",
            read=_read_multi,
            counts=(
                counts.images(112_120),
                counts.patients(30_805),
                counts.part(78_506, "train"),
                counts.part(12_533, "tune"),
                counts.part(21_081, "test"),
                *counts.present(_MULTI),
            ),
        ),
        "single-label": Variant(
            about="Images with exactly one of the twenty labels (LongTailCXR, 2022); the column "
            "balanced names the 300 and 600 images of the balanced lists.",
            read=_read_single,
            counts=(
                counts.images(88_637),
                counts.part(68_058, "train"),
                counts.part(300, "tune"),
                counts.part(20_279, "test"),
                counts.part(600, "test", column="balanced"),
                *counts.present(_SINGLE),
            ),
        ),
    },
    labels={**LABELS, "Pleural_Thickening": "pleural_thickening"},
    same_images_as=("chestxray14", "rsna-pneumonia", "covid19-radiography"),
)
