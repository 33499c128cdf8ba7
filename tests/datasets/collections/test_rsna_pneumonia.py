from pathlib import Path

import pytest

from hilum.datasets.collections.rsna_pneumonia import BOXES, CLASSES, COLLECTION, MAPPING
from hilum.errors import LabelError
from tests.datasets.collections.layouts.boxes import RSNA, rsna_pneumonia

VARIANT = COLLECTION.variants["stage-2"]
READ = VARIANT.read
QUIET, NORMAL, DENSE = RSNA


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return rsna_pneumonia(tmp_path)


def edit(path: Path, old: str, new: str) -> None:
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new))


def test_three_classes(folder: Path) -> None:
    table = READ(folder)
    assert table.findings == ("pneumonia_opacity", "no_opacity_not_normal", "normal")
    assert table.states.tolist() == [[0, 1, 0], [0, 0, 1], [1, 0, 0]]
    assert [Path(image).stem for image in table.images.tolist()] == [QUIET, NORMAL, DENSE]


def test_boxes(folder: Path) -> None:
    boxes = READ(folder).boxes
    assert boxes is not None
    assert boxes.row.tolist() == [2, 2]
    assert boxes.xywh.tolist() == [list(box) for box in RSNA[DENSE][1]]
    assert boxes.annotated.all()


def test_patients_come_from_the_mapping(folder: Path) -> None:
    table = READ(folder)
    assert table.patients.tolist() == ["00000013", "00000013", "00000032"]
    assert table.columns["nih_image"][0] == "00000013_005.png"
    assert any("ChestX-ray14" in note for note in table.notes)


def test_without_the_mapping_it_says_that_patients_are_unknown(tmp_path: Path) -> None:
    table = READ(rsna_pneumonia(tmp_path, mapping=False))
    assert len(set(table.patients.tolist())) == 3
    assert any("not of a patient" in note for note in table.notes)


def test_test_images_have_no_labels_and_no_row(folder: Path) -> None:
    images = READ(folder).images.tolist()
    assert all(image.startswith("stage_2_train_images/") for image in images)
    assert all((folder / image).is_file() for image in images)


def test_the_two_tables_must_agree(folder: Path) -> None:
    edit(folder / CLASSES, f"{DENSE},Lung Opacity", f"{DENSE},Normal")
    with pytest.raises(LabelError, match=f"disagree on 1 images: '{DENSE}'"):
        READ(folder)


def test_a_class_that_is_unknown_is_named(folder: Path) -> None:
    edit(folder / CLASSES, ",Normal", ",Fine")
    with pytest.raises(LabelError, match="unknown classes 'Fine'"):
        READ(folder)


def test_an_image_of_two_classes_is_named(folder: Path) -> None:
    path = folder / CLASSES
    path.write_text(path.read_text() + f"{NORMAL},Lung Opacity\n")
    with pytest.raises(LabelError, match=f"1 images have two classes: '{NORMAL}'"):
        READ(folder)


def test_boxes_of_unknown_images_are_named(folder: Path) -> None:
    path = folder / BOXES
    path.write_text(path.read_text() + "nobody,1,2,3,4,1\n")
    with pytest.raises(LabelError, match=r"1 rows are of images that .* lacks: 'nobody'"):
        READ(folder)


def test_a_box_outside_its_image_is_named(folder: Path) -> None:
    edit(folder / BOXES, "562.0,152.0,256.0", "562.0,152.0,999.0")
    with pytest.raises(LabelError, match="1 boxes reach outside their image"):
        READ(folder)


@pytest.mark.parametrize("text", ["{}", "[1, 2]", '[{"img_id": "a"}]', "[", "null"])
def test_a_damaged_mapping_is_named(folder: Path, text: str) -> None:
    (folder / MAPPING).write_text(text)
    with pytest.raises(LabelError, match=r"mapping|lacks 3 images"):
        READ(folder)


def test_counts(folder: Path) -> None:
    found = {count.what: count.found(READ(folder)) for count in VARIANT.counts}
    assert found["images"] == 3
    assert found["boxes"] == 2
    assert found["images with a box"] == 1
    expected = {count.what: count.expected for count in VARIANT.counts}
    classes = ("Opacity suspicious for pneumonia", "No lung opacity, not normal", "Normal")
    assert sum(expected[name] for name in classes) == expected["images"]
