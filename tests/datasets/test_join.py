import numpy as np
import pytest

from hilum.datasets.join import join, roll_up
from hilum.domain import LabelTable, State
from hilum.domain.boxes import Boxes
from hilum.errors import LabelError, UnknownName


def make(findings: tuple[str, ...], states: list[list[int]], **more: object) -> LabelTable:
    n = len(states)
    return LabelTable(
        images=[f"{i}.png" for i in range(n)],  # type: ignore[arg-type]
        findings=findings,
        states=np.array(states, np.uint8),
        patients=["1"] * n,  # type: ignore[arg-type]
        **more,  # type: ignore[arg-type]
    )


def test_patient_1_of_one_hospital_is_not_patient_1_of_another() -> None:
    a = make(("mass",), [[1], [0]], columns={"age_years": [50, 60], "source": ["x", "y"]})
    boxes = Boxes(np.array([0]), ["edema"], np.array([[1, 2, 3, 4]]), np.array([True]))  # type: ignore[arg-type]
    b = make(("edema", "mass"), [[1, 2]], columns={"visit": [3]}, boxes=boxes)
    both = join({"north": a, "south": b}, different_images=True)
    assert both.images.tolist() == ["north/0.png", "north/1.png", "south/0.png"]
    assert both.patients.tolist() == ["north/1", "north/1", "south/1"]
    assert both.findings == ("mass", "edema")
    assert both.states.tolist() == [[1, 3], [0, 3], [2, 1]]
    assert both.columns["source"].tolist() == ["x", "y", "south"]
    assert both.columns["visit"].tolist() == [-1, -1, 3]
    np.testing.assert_array_equal(both.columns["age_years"], [50, 60, np.nan])
    assert both.boxes is not None
    assert both.boxes.row.tolist() == [2]
    assert both.boxes.annotated.tolist() == [False, False, True]


def test_nothing_to_join() -> None:
    with pytest.raises(LabelError, match="no table to join"):
        join({})


def test_a_wider_finding_is_told_from_its_kinds() -> None:
    table = make(("nodule", "mass"), [[1, 0], [0, 0], [2, 0], [0, 3], [3, 1]])
    wide = roll_up(table, ("nodule_or_mass", "mass"))
    p, u, n = State.PRESENT, State.UNCERTAIN, State.UNMENTIONED
    assert wide.states[:, 0].tolist() == [p, State.ABSENT, u, n, p]
    assert wide.states[:, 1].tolist() == [0, 0, 0, 3, 1]
    with pytest.raises(UnknownName, match="fluff"):
        roll_up(table, ("fluff",))


def test_what_the_table_says_itself_of_the_wider_finding_stands() -> None:
    table = make(("nodule_or_mass", "mass"), [[0, 0], [0, 1], [2, 0], [0, 2]])
    wide = roll_up(table, ("nodule_or_mass",))
    assert wide.states[:, 0].tolist() == [0, State.PRESENT, State.UNCERTAIN, 0]


def test_absence_of_some_kinds_is_no_absence_of_all() -> None:
    wide = roll_up(make(("mass",), [[0], [1]]), ("nodule_or_mass",))
    assert wide.states[:, 0].tolist() == [State.UNMENTIONED, State.PRESENT]


def test_the_same_pictures_under_two_patients_are_refused() -> None:
    a = make(("mass",), [[1], [0]])
    b = make(("edema",), [[1], [0], [0]])
    with pytest.raises(LabelError, match=r"2 images .*nih/0\.png and lt/0\.png.*same_patients"):
        join({"nih": a, "lt": b})
    both = join({"nih": a, "lt": b, "other": make((), [[]])}, same_patients=("nih", "lt"),
                different_images=True)  # fmt: skip
    assert both.patients.tolist() == ["nih/1"] * 5 + ["other/1"]
    assert join({"nih": a, "lt": b}, same_patients=("nih", "lt")).images.tolist()[2] == "lt/0.png"
    with pytest.raises(LabelError, match="takes two or more of the tables"):
        join({"nih": a, "lt": b}, same_patients=("nih", "moon"))
    b = LabelTable(b.images, b.findings, b.states, ["2"] * 3)  # type: ignore[arg-type]
    with pytest.raises(LabelError, match=r"but two patients: nih/0\.png and lt/0\.png"):
        join({"nih": a, "lt": b}, same_patients=("nih", "lt"))
    with pytest.raises(LabelError, match="but two patients"):
        join({"nih": a, "lt": b}, same_patients=("nih", "lt"), different_images=True)


def test_notes_of_all_tables_are_kept() -> None:
    a = make(("mass",), [[1]], notes=("one row was left out",))
    b = make(("mass",), [[1]], notes=("no sex is told",))
    both = join({"a": a, "b": b}, different_images=True)
    assert both.notes == ("a: one row was left out", "b: no sex is told")
