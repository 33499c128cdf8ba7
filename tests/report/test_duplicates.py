"""The same SOP Instance UID twice: a copy is told, other pixels are refused, the first one wins."""

from __future__ import annotations

import csv
import json
from dataclasses import replace

import pytest

from hilum.report.folder import OutputFolder

UID = "1.2.840.99999.4711.42"


def dicom(item, pixels: str, uid: str = UID):
    """A reading or refusal as from a DICOM file with these pixels."""
    source = replace(
        item.radiograph.source, format="dicom", instance_uid=uid, pixel_digest=pixels * 32
    )
    picture = replace(item.radiograph, source=source)
    if hasattr(item, "source"):
        return replace(item, source=source, radiograph=picture)
    return replace(item, radiograph=picture)


@pytest.fixture
def three(make):
    """The first, one with other pixels, a copy of the first."""
    return [
        dicom(make.reading(name), pixels)
        for name, pixels in (("1.dcm", "a"), ("2.dcm", "b"), ("3.dcm", "a"))
    ]


def state(out) -> tuple[dict[str, list[str]], dict[str, str]]:
    data = json.loads((out / "readings.json").read_text("utf-8"))
    notes = {r["image"]: [n["code"] for n in r["notes"]] for r in data["readings"]}
    return notes, {r["image"]: r["reasons"][0]["code"] for r in data["refusals"]}


SETTLED = ({"1.dcm": [], "3.dcm": ["duplicate"]}, {"2.dcm": "uid-reused"})


def test_a_copy_is_told_and_other_pixels_are_refused(make, three, tmp_path):
    make.fill(tmp_path, three)
    assert state(tmp_path) == SETTLED
    with (tmp_path / "refused.csv").open(encoding="utf-8", newline="") as file:
        (row,) = list(csv.reader(file))[1:]
    assert row[:3] == ["2.dcm", "intake", "uid-reused"]
    assert "that of 1.dcm, whose pixels differ" in row[3]
    note = json.loads((tmp_path / "readings.json").read_text("utf-8"))["readings"][1]["notes"][0]
    assert "A copy of 1.dcm" in note["message"]
    assert note["warning"]


def test_add_says_what_was_entered(make, three, tmp_path):
    with OutputFolder.open(tmp_path, bundle=make.bundle()) as folder:
        entered = [folder.add(folder.draw(item)) for item in three]
    assert [drawn.kind for drawn in entered] == ["reading", "refusal", "reading"]


def test_pictures_of_findings_that_nobody_may_see_are_gone(make, three, tmp_path):
    make.fill(tmp_path, three)
    assert not list((tmp_path / "heatmaps").glob("2.dcm*"))
    assert list((tmp_path / "heatmaps").glob("3.dcm*"))
    assert (tmp_path / "previews" / "2.dcm.jpg").is_file()


@pytest.mark.parametrize("stop", [0, 1, 2, 3])
def test_a_resumed_run_remembers(make, three, tmp_path, stop):
    with OutputFolder.open(tmp_path, bundle=make.bundle()) as folder:
        for item in three[:stop]:
            folder.add(folder.draw(item))
    make.fill(tmp_path, three[stop:], resume=True)
    assert state(tmp_path) == SETTLED
    for file in tmp_path.rglob("*"):
        assert not file.is_file() or UID.encode() not in file.read_bytes()


def test_one_that_lost_its_picture_is_no_copy_of_itself(make, three, tmp_path):
    make.fill(tmp_path, three[:2])
    (tmp_path / "previews" / "1.dcm.jpg").unlink()
    make.fill(tmp_path, [three[0]], resume=True)
    assert state(tmp_path) == ({"1.dcm": []}, {"2.dcm": "uid-reused"})


def test_one_that_the_gate_refused_counts_as_the_first(make, three, tmp_path):
    make.fill(tmp_path, [dicom(make.refusal("0.dcm"), "c"), *three])
    assert state(tmp_path)[0] == {}
    codes = state(tmp_path)[1]
    assert codes["0.dcm"] == "not-a-chest"
    assert {codes[name] for name in ("1.dcm", "2.dcm", "3.dcm")} == {"uid-reused"}


def test_files_without_a_uid_or_with_their_own_are_left_alone(make, tmp_path):
    items = [make.reading("a.png"), make.reading("b.png")]
    items += [dicom(make.reading(f"{i}.dcm"), "a", f"1.2.{i}") for i in range(2)]
    make.fill(tmp_path, items)
    notes, refused = state(tmp_path)
    assert refused == {}
    assert set(map(tuple, notes.values())) == {()}
