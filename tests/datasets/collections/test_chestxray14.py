from pathlib import Path

import numpy as np
import pytest

from hilum.datasets.collections.chestxray14 import COLLECTION
from hilum.datasets.verify import compare
from hilum.domain import CHEST14, State
from hilum.errors import LabelError

HEADER = (
    "Image Index,Finding Labels,Follow-up #,Patient ID,Patient Age,Patient Gender,View Position,"
    "OriginalImage[Width,Height],OriginalImagePixelSpacing[x,y]"
)
ROWS = (
    "00000001_000.png,Cardiomegaly|Effusion,0,1,57,M,PA,2682,2749,0.143,0.143",
    "00000001_001.png,No Finding,1,1,58,M,AP,2894,2729,0.143,0.143",
    "00000002_000.png,Pleural_Thickening,0,2,80,F,PA,2500,2048,0.171,0.171",
)
BOXES = "Image Index,Finding Label,Bbox [x,y,w,h],,,\n"
LISTED = {
    "train": "00000001_000.png",
    "val": "00000001_001.png",
    "test": "00000002_000.png",
}


def entries(folder: Path, *rows: str, header: str = HEADER, name: str = "v2020") -> Path:
    ending = "_v2020" if name == "v2020" else ""
    text = "\n".join([header, *(rows or ROWS)]) + "\n"
    (folder / f"Data_Entry_2017{ending}.csv").write_text(text)
    return folder


def chexnet(folder: Path, images: dict[str, str] = LISTED) -> None:
    (folder / "labels").mkdir()
    for part, image in images.items():
        zeros = " ".join(["0", "1", *["0"] * 12])
        (folder / "labels" / f"{part}_list.txt").write_text(f"{image} {zeros}\n")


def read(folder: Path, variant: str = "v2020"):
    return COLLECTION.variants[variant].read(folder)


def test_labels_and_facts(tmp_path):
    table = read(entries(tmp_path))
    assert table.images.tolist() == [row.split(",")[0] for row in ROWS]
    assert table.findings == CHEST14
    present = [[k for k, s in zip(CHEST14, row, strict=True) if s] for row in table.states.tolist()]
    assert present == [["cardiomegaly", "effusion"], [], ["pleural_thickening"]]
    assert table.patients.tolist() == ["00000001", "00000001", "00000002"]
    for name, values in {
        "view": ["PA", "AP", "PA"], "sex": ["M", "M", "F"], "visit": [0, 1, 0],
        "age_years": [57, 58, 80], "width_px": [1024] * 3, "original_width_px":
        ["2682", "2894", "2500"],
    }.items():  # fmt: skip
        assert table.columns[name].tolist() == values, name
    assert "split" not in table.columns
    assert table.boxes is None
    assert len(table.notes) == 2  # neither lists nor boxes


def test_impossible_ages_are_left_unknown_and_told(tmp_path):
    rows = [ROWS[0].replace(",57,", f",{age},") for age in ("411", "058Y", "003M", "")]
    rows = [row.replace("_000", f"_{n:03}") for n, row in enumerate(rows)]
    table = read(entries(tmp_path, *rows))
    ages = table.columns["age_years"]
    assert np.isnan(ages[[0, 3]]).all()
    assert ages[1:3].tolist() == [58, 0.25]
    assert "1 ages above 100 years are errors of the source: left unknown." in table.notes


def test_both_spellings_of_the_sex_column_and_a_nameless_last_column(tmp_path):
    header = HEADER.replace("Gender", "Sex") + ","
    table = read(entries(tmp_path, *(row + "," for row in ROWS), header=header))
    assert table.columns["sex"].tolist() == ["M", "M", "F"]
    table = read(entries(tmp_path, *ROWS, header=header))
    assert len(table) == 3


def test_the_nih_lists_make_the_split(tmp_path):
    entries(tmp_path)
    (tmp_path / "train_val_list.txt").write_text("00000001_000.png\n00000001_001.png")
    (tmp_path / "test_list.txt").write_text("00000002_000.png\r\n00000009_000.png")
    table = read(tmp_path)
    assert table.columns["split"].tolist() == ["train", "train", "test"]
    assert "1 images of these lists have no row." in table.notes


def test_lists_with_a_tuning_part_go_before(tmp_path):
    entries(tmp_path)
    for name, image in LISTED.items():
        (tmp_path / f"Xray14_{name}_official.txt").write_text(f"{image} {' 0' * 14}".strip()
                                                              .replace("  ", " "))  # fmt: skip
    (tmp_path / "train_val_list.txt").write_text("00000001_000.png\n")
    (tmp_path / "test_list.txt").write_text("00000002_000.png\n")
    assert read(tmp_path).columns["split"].tolist() == ["train", "tune", "test"]


def test_chexnets_split_with_labels_of_2020_and_with_its_own(tmp_path):
    entries(tmp_path)
    chexnet(tmp_path)
    table = read(tmp_path, "v2020-chexnet")
    assert table.columns["split"].tolist() == ["train", "tune", "test"]
    assert table.states[:, CHEST14.index("effusion")].tolist() == [1, 0, 0]
    own = read(tmp_path, "chexnet")
    assert own.states[:, CHEST14.index("cardiomegaly")].tolist() == [1, 1, 1]
    assert own.states.sum() == 3
    assert own.columns["view"].tolist() == ["PA", "AP", "PA"]


def test_chexnets_lists_alone_are_enough(tmp_path):
    chexnet(tmp_path)
    table = read(tmp_path, "chexnet")
    assert "view" not in table.columns
    assert any("Data_Entry_2017_v2020.csv is not here" in note for note in table.notes)


def test_images_found_in_either_layout(tmp_path):
    entries(tmp_path)
    for place in ("images_001/images/00000001_000.png", "images/00000001_001.png"):
        (tmp_path / place).parent.mkdir(parents=True)
        (tmp_path / place).touch()
    images = read(tmp_path).images.tolist()
    assert images == ["images_001/images/00000001_000.png", "images/00000001_001.png",
                      "00000002_000.png"]  # fmt: skip


@pytest.mark.parametrize("tail", ["", ",,,"])
def test_boxes(tmp_path, tail):
    entries(tmp_path)
    rows = (f"00000001_000.png,Infiltrate,10.5,20,30,40{tail}\n"
            f"00000007_000.png,Mass,1,2,3,4{tail}\n")  # fmt: skip
    (tmp_path / "BBox_List_2017.csv").write_text(BOXES + rows)
    table = read(tmp_path)
    assert table.boxes is not None
    assert table.boxes.finding.tolist() == ["infiltration"]
    assert table.boxes.xywh.tolist() == [[10.5, 20, 30, 40]]
    assert table.boxes.annotated.tolist() == [True, False, False]
    assert "1 boxes are on images without a row: left out." in table.notes


def test_radiologists_reads(tmp_path):
    header = f"{HEADER},Fracture,Pneumothorax,Airspace opacity,Nodule or mass,Set Id"
    text = f"{header}\n{ROWS[0]},NO,YES,NO,YES,val\n"
    (tmp_path / "google2019_nih-chest-xray-labels.csv").write_text(text)
    table = read(tmp_path, "google2019")
    states = dict(zip(table.findings, table.states[0].tolist(), strict=True))
    assert states == {"fracture": 0, "pneumothorax": 1, "airspace_opacity": 0, "nodule_or_mass": 1}
    assert table.columns["split"].tolist() == ["tune"]


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        (["00000001_000.png,Fluff,0,1,57,M,PA,1,1,1,1"], r"'Fluff' \(1 rows\)"),
        (["00000001_000.png,Mass,0,2,57,M,PA,1,1,1,1"], "1 rows name another patient"),
        (["00000001_000.png,Mass,0,1,old,M,PA,1,1,1,1"], "'old' cannot be taken for an age"),
        ([ROWS[0], ROWS[0].replace("Effusion", "Mass")], "rows of 1 images disagree"),
        (["00000001_000.png,Mass,0,1,57,X,PA,1,1,1,1"], "'X' cannot be taken for sex"),
    ],
)  # fmt: skip
def test_bad_rows(tmp_path, rows, message):
    with pytest.raises(LabelError, match=message):
        read(entries(tmp_path, *rows))


def test_a_missing_column_is_named(tmp_path):
    with pytest.raises(LabelError, match=r"lacks \['Finding Labels'\]"):
        read(entries(tmp_path, header=HEADER.replace("Finding Labels", "Labels")))


def test_an_image_in_two_lists(tmp_path):
    entries(tmp_path)
    for name in ("train_val_list.txt", "test_list.txt"):
        (tmp_path / name).write_text("00000001_000.png\n")
    with pytest.raises(LabelError, match="1 images stand in two lists"):
        read(tmp_path)


def test_a_list_of_another_form(tmp_path):
    entries(tmp_path)
    for name in ("train_val_list.txt", "test_list.txt"):
        (tmp_path / name).write_text("00000001_000.png 0 1\n")
    with pytest.raises(LabelError, match="has 3 columns; a list has 1, or 15"):
        read(tmp_path)


@pytest.mark.parametrize(
    ("row", "message"),
    [("00000001_000.png,Fluff,1,2,3,4", "unknown labels 'Fluff'"),
     ("00000001_000.png,Mass,1,2,x,4", "a corner is no number"),
     ("00000001_000.png,Mass,1,2,0,4", "no area")],
)  # fmt: skip
def test_bad_boxes(tmp_path, row, message):
    entries(tmp_path)
    (tmp_path / "BBox_List_2017.csv").write_text(f"{BOXES}{row}\n")
    with pytest.raises(LabelError, match=message):
        read(tmp_path)


def test_without_the_table(tmp_path):
    with pytest.raises(LabelError, match=r"Data_Entry_2017\.csv is not in"):
        read(tmp_path, "2017")


def test_labels_of_2017_are_read_from_their_own_table(tmp_path):
    assert len(read(entries(tmp_path, name="2017"), "2017")) == 3


@pytest.mark.parametrize("variant", ["v2020", "v2020-chexnet", "chexnet", "google2019"])
def test_the_real_tables_show_the_published_counts(shared, variant):
    table = read(shared / "labels", variant)
    counts = compare(table, COLLECTION.variants[variant].counts)
    assert [c for c in counts if not c.same] == []
    if variant == "v2020":
        at = [CHEST14.index(key) for key in ("consolidation", "infiltration")]
        consolidation, infiltration = (table.states == State.PRESENT)[:, at].T
        assert (consolidation & infiltration).sum() == 1_221
        assert consolidation.sum() == 4_667
    if variant == "google2019":
        assert np.isnan(table.columns["age_years"]).sum() == 1
