"""What the worklist goes by."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hilum.domain import finding
from hilum.reading.gate import Gate
from hilum.service import urgency as rules
from hilum.service.urgency import CRITICAL, NOTHING, OTHER, UNKNOWN, UNREAD, tier, urgency


def said(
    key: str, p: float, op: float = 0.2, *, decision: str = "", calibrated: bool = True
) -> dict[str, Any]:
    decision = decision or ("present" if p >= op else "absent")
    return {"finding": key, "probability": p, "operating_point": op, "decision": decision,
            "calibrated": calibrated}  # fmt: skip


def record(*predictions: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"predictions": list(predictions), **more}


def refusal(*codes: str) -> dict[str, Any]:
    return {"reasons": [{"code": code, "message": "", "warning": True} for code in codes]}


NORMAL = record(said("pneumothorax", 0.01), said("mass", 0.1))


@pytest.mark.parametrize(
    ("kind", "what", "expected"),
    [
        ("reading", record(said("pneumothorax", 0.3), said("mass", 0.9)), CRITICAL),
        ("reading", record(said("pneumothorax", 0.1), said("mass", 0.9)), OTHER),
        ("reading", record(said("pneumothorax", 0.25, decision="abstained")), UNKNOWN),
        ("reading", record(said("mass", 0.25, decision="abstained")), NOTHING),
        ("reading", NORMAL | {"stages": [{"outcome": "refused"}]}, UNKNOWN),
        ("reading", NORMAL | {"stages": [{"outcome": "not-asked"}]}, NOTHING),
        ("reading", record(said("mass", 0.9), stages=[{"outcome": "undecided"}]), UNKNOWN),
        ("reading", NORMAL, NOTHING),
        ("reading", record(), NOTHING),
        ("reading", record(boxes=[{"finding": "pneumothorax"}]), CRITICAL),
        ("reading", record(boxes=[{"finding": "nodule"}]), OTHER),
        ("reading", NORMAL | {"boxes": [{"finding": "pneumothorax"}]}, OTHER),
        ("reading", NORMAL | {"boxes": []}, NOTHING),
        ("refusal", refusal("not-a-frontal-chest"), UNKNOWN),
        ("refusal", refusal("lateral"), NOTHING),
        ("refusal", refusal("lateral", "not-a-frontal-chest"), UNKNOWN),
        ("refusal", refusal(), UNKNOWN),
        ("failed", None, UNKNOWN),
    ],
)
def test_tiers(kind: str, what: dict[str, Any] | None, expected: int) -> None:
    assert tier(urgency(kind, what)) == expected


def test_order_within_and_between() -> None:
    rows = [
        urgency("reading", record(said("pneumothorax", 0.6))),
        urgency("reading", record(said("pneumothorax", 0.3))),
        urgency("reading", record(said("pneumothorax", 0.99, calibrated=False))),
        UNREAD,
        urgency("reading", record(said("mass", 0.9))),
        urgency("reading", record(said("mass", 0.3))),
        urgency("refusal", refusal("body-part")),
        urgency("reading", record(said("mass", 0.19))),
        urgency("reading", record(said("mass", 0.01))),
        0.0,
    ]
    assert rows == sorted(rows, reverse=True)
    assert len(set(rows)) == len(rows)


probabilities = st.floats(0, 1, allow_subnormal=False)
points = st.floats(1e-6, 1 - 1e-6)


@given(st.lists(st.tuples(st.sampled_from(["pneumothorax", "mass"]), probabilities, points,
       st.booleans()), max_size=4))  # fmt: skip
def test_always_within_its_tier(rows: list[tuple[str, float, float, bool]]) -> None:
    value = urgency(
        "reading", record(*(said(key, p, op, calibrated=sure) for key, p, op, sure in rows))
    )
    assert NOTHING <= value < CRITICAL + 1
    urgent = any(key == "pneumothorax" and p >= op for key, p, op, _ in rows)
    assert (tier(value) == CRITICAL) == urgent


def test_urgent_findings_are_known_and_reasons_are_the_gates() -> None:
    for key in rules.URGENT:
        assert finding(key).key == key
    import inspect

    from hilum.reading import gate

    text = inspect.getsource(gate)
    assert Gate.__module__ == gate.__name__
    for code in rules.ELSEWHERE:
        assert f'"{code}"' in text
