import numpy as np
import pytest

from hilum.domain import LabelTable, Policy, Split, State
from hilum.errors import LabelError, LeakError


def table(**changes: object) -> LabelTable:
    fields: dict[str, object] = {
        "images": ("a", "b", "c"),
        "findings": ("mass", "nodule"),
        "states": np.array([[0, 1], [2, 3], [1, 0]], np.uint8),
        "patients": ("p", "p", "q"),
    }
    return LabelTable(**(fields | changes))  # type: ignore[arg-type]


def test_uncertain_and_unmentioned_do_not_count_unless_told() -> None:
    targets, mask = table().targets()
    assert mask.tolist() == [[True, True], [False, False], [True, True]]
    assert targets[mask].tolist() == [0, 1, 1, 0]


def test_a_policy_decides() -> None:
    targets, mask = table().targets(Policy(uncertain=1.0, unmentioned=0.0))
    assert mask.all()
    assert targets[1].tolist() == [1, 0]


def test_rows_keep_everything_together() -> None:
    kept = table(columns={"view": ("PA", "AP", "PA")}).rows([2, 0])
    assert kept.images.tolist() == ["c", "a"]
    assert kept.patients.tolist() == ["q", "p"]
    assert kept.columns["view"].tolist() == ["PA", "PA"]
    assert kept.states.tolist() == [[State.PRESENT, State.ABSENT], [State.ABSENT, State.PRESENT]]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"images": ("a", "a", "c")}, "1 image names stand twice: 'a'"),
        ({"patients": ("p", "", "q")}, "every image needs a patient"),
        ({"states": np.zeros((3, 2), np.int64)}, "must be uint8"),
        ({"states": np.full((3, 2), 9, np.uint8)}, "states hold 9"),
        ({"columns": {"age": ("1",)}}, "1 values for 3 images"),
        (
            {"columns": {"visit": [1, 2, 1.5]}},
            "holds whole numbers from -1; 1 values are none: 1.5",
        ),
        ({"columns": {"visit": [1, 2, 2**32]}}, "1 values are none"),
        ({"columns": {"width_px": [1, 2, -5]}}, "whole numbers from 0"),
        ({"columns": {"age_years": [1, 2, np.inf]}}, "1 values are none: inf"),
    ],
)
def test_inconsistent_tables_are_refused(changes: dict[str, object], message: str) -> None:
    with pytest.raises(LabelError, match=message):
        table(**changes)


def test_a_patient_in_two_parts_is_a_leak() -> None:
    with pytest.raises(LeakError, match="1 patients stand in two parts"):
        Split.of(table(), {"train": [0], "test": [1, 2]})


def test_the_digest_names_the_images_not_their_order() -> None:
    one = Split.of(table(), {"train": [0, 1], "test": [2]})
    other = Split.of(table(), {"test": [2], "train": [1, 0]})
    swapped = Split.of(table(), {"train": [2], "test": [0, 1]})
    assert one.digest == other.digest != swapped.digest


def test_unknown_numbers_have_one_value_each() -> None:
    made = table(columns={"visit": [0, np.nan, 3], "age_years": [1, np.nan, 2.5]})
    assert made.columns["visit"].tolist() == [0, -1, 3]
    assert np.isnan(made.columns["age_years"][1])


def test_a_table_neither_follows_nor_changes_what_it_was_given() -> None:
    states = np.array([[0, 1], [2, 3], [1, 0]], np.uint8)
    patients = np.array(["p", "p", "q"], object)
    age = np.array([1, 2, 3], np.float32)
    made = table(states=states[:], patients=patients, columns={"age_years": age})
    states[0], patients[0], age[0] = 3, "x", 9
    assert made.states[0].tolist() == [0, 1]
    assert made.patients[0] == "p"
    assert made.columns["age_years"][0] == 1
    for values in (made.states, made.patients, made.images, made.columns["age_years"]):
        assert not values.flags.writeable


def test_rows_keep_notes_and_refuse_a_mask() -> None:
    noted = table(notes=("patients are not known",))
    assert noted.rows([1]).notes == ("patients are not known",)
    with pytest.raises(LabelError, match="got a mask"):
        noted.rows(np.array([True, False, True]))
