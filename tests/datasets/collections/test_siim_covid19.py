from pathlib import Path

import pytest

from hilum.datasets.collections.siim_covid19 import COLLECTION
from hilum.datasets.verify import compare
from hilum.domain import State
from hilum.errors import LabelError

STUDY_HEADER = (
    "id,Negative for Pneumonia,Typical Appearance,Indeterminate Appearance,Atypical Appearance"
)
STUDIES = ("s1_study,1,0,0,0", "s2_study,0,1,0,0", "s3_study,0,0,0,1")
BOX = "\"[{'x': 10.5, 'y': 20, 'width': 30, 'height': 40}]\""
IMAGES = (
    "a_image,,none 1 0 0 1 1,s1",
    f"b_image,{BOX},opacity 1 10.5 20 40.5 60,s2",
    "c_image,,none 1 0 0 1 1,s2",
    "d_image,,none 1 0 0 1 1,s3",
)
META = (
    "patientid,studyid,series_id,imageid,SeriesNumber,InstanceNumber\n"
    "p,s1,x,a,1,1\np,s2,y,b,1,1\np,s2,z,c,1,2\nq,s3,w,d,1,1\n"
)


def original(folder: Path, studies=STUDIES, images=IMAGES) -> Path:
    (folder / "train_study_level.csv").write_text("\n".join([STUDY_HEADER, *studies]) + "\n")
    text = "\n".join(["id,boxes,label,StudyInstanceUID", *images]) + "\n"
    (folder / "train_image_level.csv").write_text(text)
    return folder


def read(folder: Path, variant: str = "original"):
    return COLLECTION.variants[variant].read(folder)


def test_the_two_tables_are_joined(tmp_path):
    (original(tmp_path) / "train_meta.csv").write_text(META)
    table = read(tmp_path)
    assert table.images.tolist() == ["a", "b", "c", "d"]
    assert table.patients.tolist() == ["p", "p", "p", "q"]
    assert table.columns["study"].tolist() == ["s1", "s2", "s2", "s3"]
    assert table.columns["series"].tolist() == ["x", "y", "z", "w"]
    classes = [row[:4].index(State.PRESENT) for row in table.states.tolist()]
    assert classes == [0, 1, 1, 3]


def test_an_image_beside_a_boxed_one_counts_as_not_looked_at(tmp_path):
    table = read(original(tmp_path))
    opacity = table.states[:, table.findings.index("opacity")].tolist()
    assert opacity == [State.ABSENT, State.PRESENT, State.UNMENTIONED, State.ABSENT]
    assert table.boxes is not None
    assert table.boxes.annotated.tolist() == [True, True, False, True]
    assert table.boxes.xywh.tolist() == [[10.5, 20, 30, 40]]
    assert any(note.startswith("1 images without a box belong") for note in table.notes)


def test_without_patients_the_study_stands_in_and_that_is_said_loudly(tmp_path):
    table = read(original(tmp_path))
    assert table.patients.tolist() == ["s1", "s2", "s2", "s3"]
    assert any(note.startswith("PATIENTS ARE NOT KNOWN") for note in table.notes)


def test_images_are_found_in_the_nested_tree(tmp_path):
    original(tmp_path)
    file = tmp_path / "train" / "s2" / "y" / "b.dcm"
    file.parent.mkdir(parents=True)
    file.touch()
    assert read(tmp_path).images.tolist() == ["a", "train/s2/y/b.dcm", "c", "d"]
    wrong = tmp_path / "train" / "s1" / "y"
    wrong.mkdir(parents=True)
    file.rename(wrong / "b.dcm")
    with pytest.raises(LabelError, match="1 files lie in the folder of another study"):
        read(tmp_path)


def test_a_box_that_begins_outside_is_cut(tmp_path):
    box = "\"[{'x': -3.5, 'y': 20, 'width': 30, 'height': 40}]\""
    images = [IMAGES[0], f"b_image,{box},opacity 1 -3.5 20 26.5 60,s2", *IMAGES[2:]]
    table = read(original(tmp_path, images=images))
    assert table.boxes is not None
    assert table.boxes.xywh.tolist() == [[0, 20, 26.5, 40]]
    assert any("cut at its edge" in note for note in table.notes)


@pytest.mark.parametrize(
    ("studies", "images", "message"),
    [
        (STUDIES[:2], IMAGES, r"1 studies of train_image_level\.csv have no row"),
        ((*STUDIES[:2], "s3_study,0,1,0,1"), IMAGES, "1 rows have not exactly one class: rows 4"),
        ((*STUDIES[:2], "s3,0,1,0,0"), IMAGES, "1 ids do not end in _study: 's3'"),
        (STUDIES, (*IMAGES, IMAGES[0]), "1 images have two rows: 'a'"),
        (STUDIES, (*IMAGES[:3], "d_image,,opacity 1 2 3,s3"), "is no label"),
        (STUDIES, (*IMAGES[:3], "d_image,,cloud 1 1 2 3 4,s3"), "is no label"),
        (STUDIES, (*IMAGES[:3], "d_image,,opacity 1 1 2 3 4,s3"), "disagree on 1 images: 'd'"),
        (STUDIES, (*IMAGES[:3], "d_image,[{,none 1 0 0 1 1,s3"), "disagree on 1 images: 'd'"),
    ],
)
def test_bad_rows(tmp_path, studies, images, message):
    with pytest.raises(LabelError, match=message):
        read(original(tmp_path, studies, images))


def test_a_study_without_image_is_told(tmp_path):
    table = read(original(tmp_path, (*STUDIES, "s4_study,1,0,0,0")))
    assert any(note.startswith("1 studies of train_study_level.csv") for note in table.notes)


def test_meta_that_lacks_images(tmp_path):
    (original(tmp_path) / "train_meta.csv").write_text(META.replace(",d,", ",e,"))
    with pytest.raises(LabelError, match="lacks 1 of the images: 'd'"):
        read(tmp_path)


def test_kfold_table_that_contradicts_itself(tmp_path):
    header = f"patientid,studyid,series_id,imageid,{STUDY_HEADER[3:]},label,hasbox,fold"
    row = "p,s1,x,a,1,0,0,0,none 1 0 0 1 1,True,0"
    (tmp_path / "train_kfold.csv").write_text(f"{header}\n{row}\n")
    with pytest.raises(LabelError, match="label and hasbox disagree on 1 images"):
        read(tmp_path, "kfold")


def test_the_real_table_shows_the_published_counts(shared):
    variant = COLLECTION.variants["kfold"]
    table = variant.read(shared / "labels")
    assert [c for c in compare(table, variant.counts) if not c.same] == []
    assert set(table.columns["fold"].tolist()) == set("01234")
