"""What pages make of a record."""

from typing import Any

import pytest

from hilum.domain.zones import ZONES
from hilum.service.web.naming import age_years, day, person_name
from hilum.service.web.shown import colour, for_script, shown


def prediction(key: str, p: float, decision: str, op: float = 0.2) -> dict[str, Any]:
    return {"finding": key, "probability": p, "operating_point": op, "decision": decision,
            "calibrated": True}  # fmt: skip


def box(key: str, score: float, **more: Any) -> dict[str, Any]:
    return {"finding": key, "score": score, "origin": "detector", "zones": ["left lower"],
            "in_lungs": 0.8, "size_mm": [30.2, 41.7]} | more  # fmt: skip


def record(**more: Any) -> dict[str, Any]:
    warning = {"code": "a", "message": "Blurred.", "warning": True}
    return {
        "predictions": [prediction("mass", 0.3, "present"), prediction("nodule", 0.19, "absent"),
                        prediction("effusion", 0.9, "present", 0.1)],
        "notes": [warning, {"code": "b", "message": "No window.", "warning": False}],
        "gate": {"flags": [warning]},
        **more,
    }  # fmt: skip


def test_findings_stand_by_how_far_they_lie_above() -> None:
    found = shown(record())
    assert [p["finding"] for p in found.findings] == ["effusion", "mass", "nodule"]
    assert [p["finding"] for p in found.present] == ["effusion", "mass"]
    assert found.warnings == ("Blurred.",)
    assert found.notes == ("No window.",)
    assert (found.boxed, found.boxes, found.whole) == (False, (), True)


def test_a_stage_that_refused_leaves_it_in_part() -> None:
    assert not shown(record(stages=[{"outcome": "read"}, {"outcome": "refused"}])).whole


def test_what_is_undecided_leaves_it_in_part() -> None:
    said = [prediction("mass", 0.3, "abstained"), prediction("nodule", 0.1, "absent")]
    assert not shown(record(predictions=said)).whole


def test_boxes_by_finding_with_zones_in_words() -> None:
    boxes = [box("mass", 0.9), box("nodule", 0.5, in_lungs=0.001), box("mass", 0.2, in_lungs=None,
             size_mm=None)]  # fmt: skip
    found = shown(record(boxed=["mass", "nodule", "effusion"], boxes=boxes), chinese=True)
    assert [kind.finding for kind in found.boxes] == ["mass", "nodule"]
    first, second = found.boxes[0].lines
    assert (first.at, first.zones, first.share, first.size_mm) == (
        0, (ZONES["left lower"],), "80", (30, 42),
    )  # fmt: skip
    assert (second.at, second.share, second.size_mm, second.outside) == (2, None, (), False)
    assert found.boxes[1].lines[0].share == "< 1"
    assert found.boxes[1].lines[0].outside
    assert found.without == ("effusion",)
    assert found.origins == ("detector",)


def test_boxes_of_heatmaps_are_missed_only_where_a_finding_is_present() -> None:
    boxes = [box("mass", 0.9, origin="heatmap")]
    found = shown(record(boxed=["mass", "nodule", "effusion"], boxes=boxes))
    assert found.without == ("effusion",)


def test_the_script_gets_numbers_names_and_colours() -> None:
    facts = for_script(
        record(boxed=["mass"], boxes=[box("mass", 0.91239)]), {"mass": "Raumforderung"}
    )
    assert facts["findings"]["nodule"] == {"p": 0.19, "op": 0.2}
    assert facts["boxes"] == [
        {"finding": "mass", "name": "Raumforderung", "colour": colour("mass"), "score": 0.9124,
         "outside": False}
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("", ""), ("^", ""), ("===", ""), ("DOE^JANE^Q", "DOE, JANE Q"),
        ("  DOE ^ JANE ", "DOE, JANE"),
        ("Yamada^Tarou=山田^太郎=やまだ^たろう", "Yamada, Tarou · 山田太郎 · やまだたろう"),
        ("A=A", "A"), ("O'Brien", "O'Brien"), ("a^b^c^d^e^f^g", "d a, b c e"),
    ],
)  # fmt: skip
def test_names(value: str, expected: str) -> None:
    assert person_name(value) == expected


@pytest.mark.parametrize(
    ("birth", "taken", "years"),
    [("19600301", "20260228", 65), ("19600301", "20260301", 66), ("", "20260101", None),
     ("20270101", "20260101", None), ("18000101", "20260101", None), ("19991399", "2026", None)],
)  # fmt: skip
def test_ages(birth: str, taken: str, years: int | None) -> None:
    assert age_years(birth, taken) == years


def test_days_of_any_length() -> None:
    assert [day(text) for text in ("", "20261122", "202611220725", "20261122072501")] == [
        "", "2026-11-22", "2026-11-22 07:25", "2026-11-22 07:25",
    ]  # fmt: skip
