from pathlib import Path

import pytest

from hilum.datasets.folders import read_folders
from hilum.domain import State
from hilum.errors import LabelError, UnknownName


def touch(folder: Path, *places: str) -> Path:
    for place in places:
        (folder / place).parent.mkdir(parents=True, exist_ok=True)
        (folder / place).touch()
    return folder


def states(table) -> dict[str, list[str]]:
    return {
        image: [State(s).name for s in row]
        for image, row in zip(table.images.tolist(), table.states.tolist(), strict=True)
    }


def test_a_folder_a_class(tmp_path):
    touch(tmp_path, "NORMAL/1.png", "Pleural_Thickening/deeper/2.JPG", "NORMAL/notes.txt",
          "NORMAL/.hidden.png")  # fmt: skip
    table = read_folders(tmp_path)
    assert set(table.findings) == {"normal", "pleural_thickening"}
    at = table.findings.index("normal")
    assert dict(zip(table.images.tolist(), table.states[:, at].tolist(), strict=True)) == {
        "NORMAL/1.png": 1,
        "Pleural_Thickening/deeper/2.JPG": 0,
    }
    assert "split" not in table.columns


def test_without_patients_each_image_stands_for_one_and_that_is_said(tmp_path):
    table = read_folders(touch(tmp_path, "NORMAL/1.png", "Mass/2.png"))
    assert table.patients.tolist() == table.images.tolist()
    assert table.notes[0].startswith("PATIENTS ARE NOT KNOWN of 2 images")


@pytest.mark.parametrize("pattern", [r"(person\d+)_", r"person\d+"])
def test_patients_from_file_names(tmp_path, pattern):
    touch(tmp_path, "train/Mass/person7_1.png", "val/Mass/person7_2.png", "test/NORMAL/IM-1.png")
    table = read_folders(tmp_path, patient_pattern=pattern)
    named = dict(zip(table.images.tolist(), table.patients.tolist(), strict=True))
    assert named == {
        "test/NORMAL/IM-1.png": "test/NORMAL/IM-1.png",
        "train/Mass/person7_1.png": "person7",
        "val/Mass/person7_2.png": "person7",
    }
    assert table.columns["split"].tolist() == ["test", "train", "tune"]
    assert [note.split(":")[0] for note in table.notes] == [
        "PATIENTS ARE NOT KNOWN of 1 image",
        "1 patient stands in two parts of the publisher's split",
    ]


def test_patients_with_blanks_are_one_and_nan_is_nobody(tmp_path):
    touch(tmp_path, "Mass/p1 _1.png", "Mass/p1_2.png", "NORMAL/nan_3.png")
    table = read_folders(tmp_path, patient_pattern="(.*)_")
    assert table.patients.tolist() == ["p1", "p1", "NORMAL/nan_3.png"]
    assert "PATIENTS ARE NOT KNOWN of 1 image:" in table.notes[0]


def test_what_classes_mean_can_be_said(tmp_path):
    touch(tmp_path, "covid/1.png", "non/2.png", "junk/3.png")
    classes = {"non": "no_finding", "junk": None}
    table = read_folders(tmp_path, classes=classes)
    assert table.findings == ("covid_19",)
    assert states(table) == {"covid/1.png": ["PRESENT"], "non/2.png": ["ABSENT"]}
    assert "1 image of classes that are left out." in table.notes


def test_a_wider_class_is_present_with_its_kind(tmp_path):
    touch(tmp_path, "Pneumonia/1.png", "Viral Pneumonia/2.png", "NORMAL/3.png")
    table = read_folders(tmp_path)
    wide, kind = (table.findings.index(k) for k in ("pneumonia", "viral_pneumonia"))
    found = {i: (s[wide], s[kind]) for i, s in states(table).items()}
    assert found == {
        "NORMAL/3.png": ("ABSENT", "ABSENT"),
        "Pneumonia/1.png": ("PRESENT", "UNMENTIONED"),
        "Viral Pneumonia/2.png": ("PRESENT", "PRESENT"),
    }


@pytest.mark.parametrize(
    ("places", "options", "message"),
    [
        (["Fluff/1.png"], {}, "1 class folders are named for no finding: 'Fluff'"),
        (["Mass/1.png", "2.png"], {}, r"1 images lie in no class folder: '2\.png'"),
        (["Mass/1.txt"], {}, "No image in"),
        (["Mass/1.png"], {"classes": {"Nodule": "nodule"}}, "No class folder is called 'Nodule'"),
        (["Mass/1.png"], {"classes": {"Mass": "lump"}}, "Unknown finding 'lump'"),
        (["Mass/1.png"], {"classes": {"Mass": None}}, "all classes are left out"),
        (["Mass/1.png"], {"patient_pattern": "("}, "no regular expression"),
    ],
)
def test_what_cannot_be(tmp_path, places, options, message):
    with pytest.raises((LabelError, UnknownName), match=message):
        read_folders(touch(tmp_path, *places), **options)


def test_no_folder(tmp_path):
    with pytest.raises(LabelError, match="No folder"):
        read_folders(tmp_path / "none")
