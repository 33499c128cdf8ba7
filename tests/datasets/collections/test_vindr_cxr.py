from pathlib import Path

import pytest

from hilum.datasets.collections.vindr_cxr import COLLECTION
from hilum.domain import LabelTable, State
from hilum.errors import LabelError
from tests.datasets.collections.layouts.boxes import (
    QUIET,
    SPLIT,
    TESTED,
    vindr_cxr,
    vindr_kaggle,
)

VARIANTS = COLLECTION.variants


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return vindr_cxr(tmp_path)


def of(table: LabelTable, image: str) -> dict[str, State]:
    row = [Path(name).stem for name in table.images.tolist()].index(image)
    return dict(zip(table.findings, map(State, table.states[row].tolist()), strict=True))


def present(table: LabelTable, image: str) -> set[str]:
    return {key for key, state in of(table, image).items() if state is State.PRESENT}


@pytest.mark.parametrize(
    ("variant", "found"),
    [
        ("majority", {"infiltration", "opacity", "pneumonia"}),
        (
            "any",
            {"infiltration", "opacity", "pneumonia", "consolidation", "nodule_or_mass"}
            | {"other_disease"},
        ),
        ("agreement", {"opacity"}),
        ("reader-1", {"infiltration", "opacity", "pneumonia"}),
        ("reader-2", {"consolidation", "opacity", "pneumonia"}),
        ("reader-3", {"infiltration", "opacity", "nodule_or_mass", "other_disease"}),
    ],
)
def test_how_readers_are_combined(folder: Path, variant: str, found: set[str]) -> None:
    table = VARIANTS[variant].read(folder)
    assert present(table, SPLIT) == found
    assert present(table, QUIET) == {"no_finding"}
    assert present(table, TESTED) == {"cardiomegaly", "other_disease"}


def test_disagreement_is_uncertain_where_agreement_is_asked_for(folder: Path) -> None:
    states = of(VARIANTS["agreement"].read(folder), SPLIT)
    unsure = {key for key, state in states.items() if state is State.UNCERTAIN}
    assert unsure == {"infiltration", "consolidation", "pneumonia", "nodule_or_mass",
                      "other_disease"}  # fmt: skip
    assert states["edema"] is State.ABSENT


def test_the_votes_are_kept(folder: Path) -> None:
    table = VARIANTS["majority"].read(folder)
    row = [Path(name).stem for name in table.images.tolist()].index(SPLIT)
    assert table.columns["readers"][row] == "R10 R8 R9"
    votes = str(table.columns["votes"][row]).split("; ")
    assert {"opacity 3/3", "infiltration 2/3", "nodule_or_mass 1/3"} <= set(votes)


@pytest.mark.parametrize(("variant", "number"), [("majority", 5), ("any", 6), ("reader-2", 2)])
def test_boxes_of_what_is_not_absent(folder: Path, variant: str, number: int) -> None:
    table = VARIANTS[variant].read(folder)
    assert table.boxes is not None
    row = [Path(name).stem for name in table.images.tolist()].index(SPLIT)
    findings, corners = table.boxes.of(row)
    assert len(findings) == number
    assert {table.states[row, table.findings.index(key)] for key in findings.tolist()} == {1}
    assert (corners[:, 2:] > 100).all()
    assert table.boxes.annotated.all()


def test_a_box_without_area_is_left_out_and_said(folder: Path) -> None:
    notes = VARIANTS["any"].read(folder).notes
    assert any("1 boxes without area left out" in note for note in notes)


def test_files_and_parts(folder: Path) -> None:
    table = VARIANTS["majority"].read(folder)
    assert all((folder / image).is_file() for image in table.images.tolist())
    assert table.columns["split"].tolist() == ["train", "train", "test"]
    assert any("names no patients" in note for note in table.notes)


@pytest.mark.parametrize("part", ["train", "test"])
def test_one_part_alone_is_said(tmp_path: Path, part: str) -> None:
    table = VARIANTS["majority"].read(
        vindr_cxr(tmp_path, train=part == "train", test=part == "test")
    )
    assert set(table.columns["split"].tolist()) == {part}
    assert any(f"Only the part '{part}'" in note for note in table.notes)


def test_one_folder_below(tmp_path: Path) -> None:
    vindr_cxr(tmp_path / "1.0.0")
    images = VARIANTS["any"].read(tmp_path).images.tolist()
    assert {image.partition("/")[0] for image in images} == {"1.0.0"}


def test_the_competition_s_table(tmp_path: Path) -> None:
    table = VARIANTS["kaggle"].read(vindr_kaggle(tmp_path))
    assert len(table.findings) == 15
    assert present(table, SPLIT) == {"infiltration", "opacity"}
    assert present(table, QUIET) == {"no_finding"}
    assert table.boxes is not None
    assert len(table.boxes) == 5


def test_a_tie_is_uncertain(folder: Path) -> None:
    path = folder / "annotations" / "image_labels_train.csv"
    lines = path.read_text().splitlines()
    kept = [line for line in lines if not line.startswith(f"{SPLIT},R9")]
    path.write_text("\n".join(kept) + "\n")
    states = of(VARIANTS["majority"].read(folder), SPLIT)
    assert states["consolidation"] is State.UNCERTAIN
    with pytest.raises(LabelError, match="1 images have no reader 3"):
        VARIANTS["reader-3"].read(folder)


def edit(path: Path, old: str, new: str) -> None:
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new))


def test_a_reader_with_two_rows_is_an_error(folder: Path) -> None:
    edit(folder / "annotations" / "image_labels_train.csv", f"{SPLIT},R8", f"{SPLIT},R9")
    with pytest.raises(LabelError, match="a reader has two rows on one image"):
        VARIANTS["any"].read(folder)


def test_boxes_of_unknown_images_and_labels_are_named(folder: Path) -> None:
    path = folder / "annotations" / "annotations_train.csv"
    edit(path, f"{SPLIT},R8,Consolidation", f"{SPLIT},R8,Fluff")
    with pytest.raises(LabelError, match="unknown labels 'Fluff'"):
        VARIANTS["any"].read(folder)
    edit(path, f"{SPLIT},R8,Fluff", "nobody,R8,Consolidation")
    with pytest.raises(LabelError, match="1 images have no row of labels: 'nobody'"):
        VARIANTS["any"].read(folder)


def test_counts(folder: Path) -> None:
    table = VARIANTS["majority"].read(folder)
    found = {count.what: count.found(table) for count in VARIANTS["majority"].counts}
    assert found == {"images": 3, "images, split train": 2, "images, split test": 1}
