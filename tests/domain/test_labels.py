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
