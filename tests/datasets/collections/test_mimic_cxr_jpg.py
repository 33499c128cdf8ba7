import gzip
from pathlib import Path

import pytest

from hilum.datasets.collections.mimic_cxr_jpg import COLLECTION
from hilum.domain import State
from hilum.errors import LabelError
from tests.datasets.collections.layouts.reports import MIMIC, mimic_cxr_jpg

VARIANTS = COLLECTION.variants


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return mimic_cxr_jpg(tmp_path)


def test_four_tables_become_one(folder: Path) -> None:
    table = VARIANTS["chexpert"].read(folder)
    assert [Path(image).stem for image in table.images.tolist()] == [row[0] for row in MIMIC]
    assert table.columns["split"].tolist() == ["train", "train", "train", "tune", "test"]
    assert table.columns["view"].tolist() == ["PA", "lateral", "other", "AP", ""]
    assert table.columns["width_px"].tolist() == [2544] * 5
    assert table.columns["height_px"].tolist() == [3056] * 5


def test_labels_of_a_study_are_those_of_each_of_its_images(folder: Path) -> None:
    table = VARIANTS["chexpert"].read(folder)
    at = table.findings.index("no_finding")
    assert table.states[:2, at].tolist() == [State.PRESENT] * 2
    assert (table.states[4] == State.UNMENTIONED).all()
    assert any("1 studies have no row" in note for note in table.notes)


def test_two_labellers_differ(folder: Path) -> None:
    by = {name: VARIANTS[name].read(folder) for name in ("chexpert", "negbio")}
    at = by["chexpert"].findings.index("edema")
    assert by["chexpert"].states[2, at] == State.UNCERTAIN
    assert by["negbio"].states[2, at] == State.PRESENT


def test_visits_rise_with_the_time_of_the_day_too(folder: Path) -> None:
    table = VARIANTS["chexpert"].read(folder)
    assert table.columns["visit"].tolist() == [1, 1, 0, 0, 0]
    assert table.columns["date"].tolist()[:3] == ["2180-06-26", "2180-06-26", "2180-05-06"]
    assert any("shifted" in note for note in table.notes)


def test_files_are_found_and_paths_are_known_without_them(folder: Path, tmp_path: Path) -> None:
    table = VARIANTS["chexpert"].read(folder)
    assert all((folder / image).is_file() for image in table.images.tolist())
    bare = mimic_cxr_jpg(tmp_path / "bare", pictures=False)
    assert VARIANTS["chexpert"].read(bare).images.tolist() == table.images.tolist()


def test_the_radiologist_read_some_studies_only(folder: Path) -> None:
    table = VARIANTS["radiologist"].read(folder)
    assert table.columns["study"].tolist() == ["50578979"]
    at = [table.findings.index(key) for key in ("cardiomegaly", "support_devices", "edema")]
    assert table.states[0, at].tolist() == [State.PRESENT, State.PRESENT, State.UNMENTIONED]


def test_without_the_split_it_is_said(folder: Path) -> None:
    (folder / "mimic-cxr-2.0.0-split.csv.gz").unlink()
    table = VARIANTS["negbio"].read(folder)
    assert set(table.columns["split"].tolist()) == {""}
    assert any("No column split" in note for note in table.notes)


def edit(path: Path, old: str, new: str) -> None:
    text = gzip.decompress(path.read_bytes()).decode()
    assert old in text
    path.write_bytes(gzip.compress(text.replace(old, new).encode()))


def test_a_study_labelled_twice_must_agree(folder: Path) -> None:
    path = folder / "mimic-cxr-2.0.0-chexpert.csv.gz"
    edit(path, "10000764,57375967", "10000032,50414267")
    with pytest.raises(LabelError, match="rows of 1 studies disagree"):
        VARIANTS["chexpert"].read(folder)


def test_tables_of_other_studies_are_refused(folder: Path) -> None:
    path = folder / "mimic-cxr-2.0.0-chexpert.csv.gz"
    for study in ("50414267", "53189527", "57375967"):
        edit(path, study, f"9{study}")
    with pytest.raises(LabelError, match="share no study"):
        VARIANTS["chexpert"].read(folder)


def test_a_date_of_another_kind_is_named(folder: Path) -> None:
    edit(folder / "mimic-cxr-2.0.0-metadata.csv.gz", "21771010", "2177/10/10")
    with pytest.raises(LabelError, match="'2177/10/10' is no date"):
        VARIANTS["chexpert"].read(folder)


def test_counts(folder: Path) -> None:
    table = VARIANTS["chexpert"].read(folder)
    found = {count.what: count.found(table) for count in VARIANTS["chexpert"].counts}
    assert found["studies"] == 4
    assert found["patients"] == 3
    expected = {count.what: count.expected for count in VARIANTS["chexpert"].counts}
    parts = [number for what, number in expected.items() if what.startswith("images, split")]
    assert sum(parts) == expected["images"]
