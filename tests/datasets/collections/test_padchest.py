import gzip
from pathlib import Path

import numpy as np
import pytest

from hilum.datasets.collections.padchest import COLLECTION, FINDINGS, TABLE
from hilum.domain import State, from_label
from hilum.errors import LabelError, UnknownName
from tests.datasets.collections.layouts.reports import DAMAGED, PADCHEST, padchest

VARIANTS = COLLECTION.variants
READ = VARIANTS["all"].read


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return padchest(tmp_path)


def states(table, row: int) -> dict[str, State]:
    return dict(zip(table.findings, map(State, table.states[row].tolist()), strict=True))


def test_a_list_in_python_s_writing(folder: Path) -> None:
    found = states(READ(folder), 0)
    assert {key for key, state in found.items() if state is State.PRESENT} == {
        "fibrosis",
        "kyphosis",
    }
    assert found["pneumonia"] is State.ABSENT


@pytest.mark.parametrize(
    ("labels", "present", "absent", "unmentioned"),
    [
        ("['laminar atelectasis']", {"laminar_atelectasis", "atelectasis"}, {"mass"}, set()),
        ("['atelectasis']", {"atelectasis"}, {"mass"}, {"laminar_atelectasis"}),
        ("['suboptimal study', 'chronic changes']", set(), set(), {"atelectasis", "mass"}),
        ("['unchanged', 'laminar atelectasis']", {"atelectasis"}, set(), {"mass", "pneumonia"}),
    ],
)
def test_silence_agrees_with_the_kinds(folder, labels, present, absent, unmentioned) -> None:
    edit(folder, "['normal']", labels)
    path = folder / f"{TABLE}.gz"
    written = gzip.decompress(path.read_bytes()).decode()
    row = next(n for n, line in enumerate(written.splitlines()[1:]) if labels in line)
    found = states(READ(folder), row)
    for state, keys in ((State.PRESENT, present), (State.ABSENT, absent),
                        (State.UNMENTIONED, unmentioned)):  # fmt: skip
        assert {found[key] for key in keys} <= {state}


def test_unchanged_says_nothing_of_what_it_does_not_name(folder: Path) -> None:
    found = states(READ(folder), 2)
    assert found.pop("nasogastric_tube") is State.PRESENT
    assert set(found.values()) == {State.UNMENTIONED}


def test_excluded_and_empty_reports_say_nothing(folder: Path) -> None:
    table = READ(folder)
    assert (table.states[4:] == State.UNMENTIONED).all()
    assert table.columns["remarks"].tolist() == ["", "", "unchanged", "", "exclude", ""]


def test_facts(folder: Path) -> None:
    table = READ(folder)
    assert table.columns["view"].tolist() == ["PA", "lateral", "AP", "PA", "other", "PA"]
    assert table.columns["sex"].tolist() == ["F", "F", "F", "", "M", "M"]
    ages = table.columns["age_years"]
    assert ages[[0, 2, 5]].tolist() == [84, 85, 66]
    assert np.isnan(ages[[3, 4]]).all()
    assert table.columns["visit"].tolist() == [0, 0, 1, 0, 0, 0]
    assert table.columns["width_px"].tolist() == [0, *[1536] * 5]


def test_the_report_itself_is_not_kept(folder: Path) -> None:
    table = READ(folder)
    assert not [name for name, values in table.columns.items() if "patron" in "".join(
        map(str, values.tolist()))]  # fmt: skip


def test_damaged_files_are_marked(folder: Path) -> None:
    table = READ(folder)
    marked = table.images[table.columns["damaged"] == "yes"].tolist()
    assert marked == [f"54/{DAMAGED}"]
    assert any("1 image is damaged" in note for note in table.notes)


def test_files_are_found_in_their_folders(folder: Path) -> None:
    images = READ(folder).images.tolist()
    assert images == [f"{row[1]}/{row[0]}" for row in PADCHEST]
    assert all((folder / image).is_file() for image in images)


@pytest.mark.parametrize(("name", "rows"), [("all", 6), ("physician", 2), ("network", 4)])
def test_who_labelled(folder: Path, name: str, rows: int) -> None:
    assert len(VARIANTS[name].read(folder)) == rows


def edit(folder: Path, old: str, new: str) -> None:
    path = folder / f"{TABLE}.gz"
    text = gzip.decompress(path.read_bytes()).decode()
    assert old in text
    path.write_bytes(gzip.compress(text.replace(old, new).encode()))


def test_labels_outside_the_list_are_named(folder: Path) -> None:
    edit(folder, "['normal']", "['normal', 'hair braid']")
    with pytest.raises(LabelError, match=r"'hair braid' \(1 rows\)"):
        READ(folder)


def test_cells_that_are_no_list_are_named(folder: Path) -> None:
    edit(folder, "['normal']", "normal")
    with pytest.raises(LabelError, match="1 cells of Labels are no list of labels: 'normal'"):
        READ(folder)


def test_a_year_of_birth_that_is_none_is_named(folder: Path) -> None:
    edit(folder, "1950.0", "MCML")
    with pytest.raises(LabelError, match="'MCML' cannot be taken for a year"):
        READ(folder)


def test_spellings_are_in_the_vocabulary_too() -> None:
    differ = {}
    for label, key in COLLECTION.labels.items():
        if key is not None:
            try:
                found = from_label(label).key
            except UnknownName:
                found = ""
            if found != key:
                differ[label] = (key, found)
    assert differ == {"infiltrates": ("infiltration", ""), "pulmonary mass": ("mass", "")}


def test_findings_are_unique() -> None:
    assert len(set(FINDINGS)) == len(FINDINGS)


def test_counts(folder: Path) -> None:
    found = {count.what: count.found(READ(folder)) for count in VARIANTS["all"].counts}
    assert found == {"images": 6, "patients": 4, "studies": 5}
