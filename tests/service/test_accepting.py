"""What is accepted is on the disk and in the database, once."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest
from sqlalchemy import func, select

from hilum.errors import NotAccepted, NotNow
from hilum.service.accepting import Given
from hilum.service.store.tables import Instance, Study, TurnedAway
from tests.service.postgres import BOTH


def count(here, table):
    with here.store.reading() as session:
        return session.scalar(select(func.count()).select_from(table))


def files_of(here):
    return [digest for shard in here.files.shards() for digest in here.files.radiographs(shard)]


@BOTH
def test_a_radiograph_has_a_file_and_rows(here, drawn):
    data = drawn(1)
    taken = here.door.accept(data, origin="test:one")
    with here.store.reading() as session:
        row = session.get_one(Instance, taken.instance)
        assert (row.state, row.origin, row.study_id) == ("waiting", "test:one", taken.study)
        assert here.files.radiograph(row.digest).read_bytes() == data
        assert session.get_one(Study, taken.study).patient_id == "P1"
    assert here.files.radiograph(row.digest).stat().st_mode & 0o077 == 0


@BOTH
def test_the_same_again_changes_nothing(here, drawn):
    first = here.door.accept(drawn(1), origin="test:one")
    again = here.door.accept(drawn(1), origin="test:two")
    assert again == replace(first, again=True)
    assert count(here, Instance) == 1
    with here.store.reading() as session:
        assert session.get_one(Instance, first.instance).origin == "test:one"


@BOTH
def test_many_senders_of_one_study_at_one_moment(here, drawn):
    data = [
        drawn(i, patient_id="ONE", study_uid="1.2.3", instance_uid=f"1.2.3.{i}") for i in range(6)
    ]
    with ThreadPoolExecutor(12) as pool:
        took = list(pool.map(lambda one: here.door.accept(one, origin="test:x"), data * 2))
    assert (count(here, Study), count(here, Instance)) == (1, 6)
    assert sum(one.again for one in took) == 6
    assert len(files_of(here)) == 6


def test_another_picture_under_one_uid_is_turned_away(here, drawn):
    here.door.accept(drawn(1, patient_id="A", instance_uid="1.2.3"), origin="test:x")
    with pytest.raises(NotAccepted, match="Another picture under the same SOP Instance UID"):
        here.door.accept(drawn(2, patient_id="A", instance_uid="1.2.3"), origin="test:x")
    with here.store.reading() as session:
        row = session.scalars(select(TurnedAway)).one()
    assert (row.code, row.origin) == ("conflict", "test:x")


def test_a_study_under_two_patients_is_turned_away(here, drawn):
    here.door.accept(drawn(1, patient_id="A", study_uid="1.2.3"), origin="test:x")
    with pytest.raises(NotAccepted, match="under another Patient ID") as failure:
        here.door.accept(drawn(2, patient_id="B", study_uid="1.2.3"), origin="test:x")
    assert "B" not in str(failure.value).split("Patient")[0]
    assert count(here, Instance) == 1


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (b"", "not-an-image"),
        (b"no radiograph at all", "not-an-image"),
        (b"\x89PNG\r\n\x1a\n" + b"\0" * 40, "damaged"),
    ],
)
def test_what_is_no_radiograph_is_turned_away_and_not_kept(here, data, code):
    with pytest.raises(NotAccepted, match=r".") as failure:
        here.door.accept(data, origin="test:x", name="1")
    assert failure.value.reason_code == code
    assert files_of(here) == []
    with here.store.reading() as session:
        assert session.scalars(select(TurnedAway.code)).all() == [code]


def test_a_picture_without_a_header_gets_what_its_sender_says(here, repository):
    import cv2
    import numpy as np

    from hilum.phantoms import draw_chest

    grey = (draw_chest(np.random.default_rng(1), size=(128, 128)).pixels * 255).astype(np.uint8)
    data = cv2.imencode(".png", grey)[1].tobytes()
    taken = here.door.accept(data, origin="test:x", given=Given("MRN 7", "20260102"))
    with here.store.reading() as session:
        study = session.get_one(Study, taken.study)
        assert (study.patient_id, study.taken) == ("MRN 7", "20260102")
        assert study.uid.startswith("2.25.")


def test_too_large_too_many_too_full(here, drawn):
    def door(**limits):
        changed = here.settings.limits.model_copy(update=limits)
        return replace(here.door, settings=here.settings.model_copy(update={"limits": changed}))

    with pytest.raises(NotAccepted, match=r"larger than 0\.001 MB"):
        door(upload_mb=0.001).accept(drawn(1), origin="test:x")
    with pytest.raises(NotNow, match="disk of the server is nearly full"):
        door(free_mb=1e12).accept(drawn(1), origin="test:x")
    door(waiting=1).accept(drawn(1), origin="test:x")
    with pytest.raises(NotNow, match="1 radiographs wait"):
        door(waiting=1).accept(drawn(2), origin="test:x")


def test_a_full_disk_is_not_now_and_leaves_nothing(here, drawn, monkeypatch):
    def full(_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(NotNow, match="No space left on device"):
        here.door.accept(drawn(1), origin="test:x")
    monkeypatch.undo()
    assert count(here, Instance) == 0
    assert files_of(here) == []
    assert list((here.settings.folder / "coming").iterdir()) == []
    assert here.door.accept(drawn(1), origin="test:x").again is False


@pytest.mark.parametrize("left", [None, b"", b"x", -1], ids=["lost", "empty", "cut", "changed"])
def test_a_file_that_was_lost_or_damaged_is_kept_anew(here, drawn, left):
    taken = here.door.accept(drawn(1), origin="test:x")
    (digest,) = files_of(here)
    path: Path = here.files.radiograph(digest)
    if left is None:
        path.unlink()
    else:
        path.write_bytes(drawn(1)[:-1] + b"x" if left == -1 else left)
    again = here.door.accept(drawn(1), origin="test:x")
    assert (again.again, again.instance) == (True, taken.instance)
    assert path.read_bytes() == drawn(1)


HEADERS = {
    "another patient": {"patient_id": "B"},
    "another study": {"study_uid": "1.2.4"},
    "mirrored": {"orientation": ("R", "F")},
    "polarity": {"photometric": "MONOCHROME1"},
    "spacing": {"spacing_mm": (0.2, 0.2)},
}


@pytest.mark.parametrize("changed", HEADERS)
def test_one_uid_with_another_header_is_turned_away(here, drawn, changed):
    first = {"patient_id": "A", "study_uid": "1.2.3", "instance_uid": "1.2.3.1"}
    here.door.accept(drawn(1, **first), origin="test:x")
    with pytest.raises(NotAccepted, match="here already") as failure:
        here.door.accept(drawn(1, **(first | HEADERS[changed])), origin="test:x")
    assert failure.value.reason_code == "conflict"
    assert count(here, Instance) == 1


def test_one_uid_in_another_encoding_is_the_same_again(here, drawn):
    first = {"patient_id": "A", "study_uid": "1.2.3", "instance_uid": "1.2.3.1"}
    here.door.accept(drawn(1, **first), origin="test:x")
    assert here.door.accept(drawn(1, transfer_syntax="rle", **first), origin="test:x").again


@pytest.mark.parametrize(
    ("first", "second", "taken"),
    [
        ({"patient_id": "", "patient_name": "A^A"}, {"patient_id": "", "patient_name": "B^B"},
         False),
        ({"patient_id": "", "patient_name": "A^A"}, {"patient_id": "", "patient_name": "A^A"},
         True),
        ({"patient_id": "", "sex": "M"}, {"patient_id": "", "sex": "F"}, False),
        ({"patient_name": "A^A", "overrides": {"PatientBirthDate": "19500101"}},
         {"patient_name": "B^B", "overrides": {"PatientBirthDate": "19900101"}}, False),
        ({"overrides": {"PatientBirthDate": "19500101"}},
         {"overrides": {"PatientBirthDate": "19510101"}}, True),
        ({"sex": "M"}, {"sex": ""}, True),
        ({"patient_name": "A^A"}, {"patient_name": "A^Anna"}, True),
    ],
)  # fmt: skip
def test_two_persons_under_one_study_are_not_mixed(here, drawn, first, second, taken):
    both = {"patient_id": "A", "study_uid": "1.2.3"}
    here.door.accept(drawn(1, **(both | first)), origin="test:x")
    if taken:
        here.door.accept(drawn(2, **(both | second)), origin="test:x")
    else:
        with pytest.raises(NotAccepted, match="wrong header"):
            here.door.accept(drawn(2, **(both | second)), origin="test:x")
    assert count(here, Instance) == 1 + taken


def test_a_picture_is_not_told_to_be_taken_for_another_patient(here):
    import cv2
    import numpy as np

    from hilum.phantoms import draw_chest

    grey = (draw_chest(np.random.default_rng(1), size=(128, 128)).pixels * 255).astype(np.uint8)
    data = cv2.imencode(".png", grey)[1].tobytes()
    here.door.accept(data, origin="test:x", given=Given("A", "20260102"))
    assert here.door.accept(data, origin="test:x").again
    assert here.door.accept(data, origin="test:x", given=Given("A", "20260102")).again
    for wrong in (Given("B"), Given("A", "20250102")):
        with pytest.raises(NotAccepted, match="what was given first stays"):
            here.door.accept(data, origin="test:x", given=wrong)
