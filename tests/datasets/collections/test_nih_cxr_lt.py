import csv
from pathlib import Path

import pytest

from hilum.datasets.collections.nih_cxr_lt import COLLECTION, LABELS
from hilum.datasets.verify import compare
from hilum.domain import State
from hilum.errors import LabelError


def write(path: Path, rows: dict[str, list[str]], *, subject: str, underscore: bool) -> None:
    path.parent.mkdir(exist_ok=True)
    names = [n.replace("Pleural ", "Pleural_") if underscore else n for n in LABELS]
    with path.open("w", newline="") as file:
        out = csv.writer(file)
        out.writerow(["id", *names, subject])
        for image, labels in rows.items():
            cells = [int(label in labels) for label in LABELS]
            out.writerow([image, *cells, image.split("_")[0]])


def multi(folder: Path) -> Path:
    for part, rows in {
        "train": {"00000001_000.png": ["Mass", "Tortuous Aorta"]},
        "val": {"00000002_000.png": ["No Finding"]},
        "test": {"00000003_000.png": ["Pleural Thickening"]},
    }.items():
        path = folder / "PruneCXR" / f"miccai2023_nih-cxr-lt_labels_{part}.csv"
        write(path, rows, subject="subj_id", underscore=False)
    return folder


def single(folder: Path, **parts: dict[str, list[str]]) -> Path:
    parts = {
        "train": {"00000001_000.png": ["Pleural Thickening"]},
        "balanced-val": {"00000002_000.png": ["No Finding"]},
        "test": {"00000003_000.png": ["Mass"], "00000003_001.png": ["Mass"]},
        "balanced-test": {"00000003_001.png": ["Mass"]},
    } | parts
    for part, rows in parts.items():
        path = folder / "LongTailCXR" / f"nih-cxr-lt_single-label_{part}.csv"
        write(path, rows, subject="subject_id", underscore=True)
    return folder


def test_multi_label(tmp_path):
    table = COLLECTION.variants["multi-label"].read(multi(tmp_path))
    assert table.columns["split"].tolist() == ["train", "tune", "test"]
    assert table.patients.tolist() == ["00000001", "00000002", "00000003"]
    present = [
        [k for k, s in zip(table.findings, row, strict=True) if s == State.PRESENT]
        for row in table.states.tolist()
    ]
    assert present == [["mass", "tortuous_aorta"], ["no_finding"], ["pleural_thickening"]]


def test_single_label_with_the_balanced_lists(tmp_path):
    table = COLLECTION.variants["single-label"].read(single(tmp_path))
    assert table.columns["split"].tolist() == ["train", "tune", "test", "test"]
    assert table.columns["balanced"].tolist() == ["", "tune", "", "test"]
    assert table.states.sum(1).tolist() == [1, 1, 1, 1]


def test_two_labels_on_a_single_label_image(tmp_path):
    single(tmp_path, train={"00000001_000.png": ["Mass", "Nodule"], "00000001_001.png": []})
    with pytest.raises(LabelError, match="2 images have not exactly one label"):
        COLLECTION.variants["single-label"].read(tmp_path)


def test_an_image_in_two_parts(tmp_path):
    single(tmp_path, train={"00000003_000.png": ["Mass"]})
    with pytest.raises(LabelError, match=r"rows of 1 images disagree: '00000003_000\.png'"):
        COLLECTION.variants["single-label"].read(tmp_path)


def test_a_cell_that_is_no_state(tmp_path):
    path = multi(tmp_path) / "PruneCXR" / "miccai2023_nih-cxr-lt_labels_val.csv"
    path.write_text(path.read_text().replace(",1,", ",yes,"))
    with pytest.raises(LabelError, match="'yes' is no state"):
        COLLECTION.variants["multi-label"].read(tmp_path)


def test_the_real_tables_show_the_published_counts(shared):
    variant = COLLECTION.variants["multi-label"]
    table = variant.read(shared / "labels")
    assert [c for c in compare(table, variant.counts) if not c.same] == []
    assert table.columns["view"].tolist().count("PA") == 67_310
