"""Results as files."""

from __future__ import annotations

import csv
from io import StringIO
from typing import Any

import pytest

from hilum.service.store.tables import Reading
from hilum.service.web.downloads import _table


@pytest.mark.parametrize(
    ("outcome", "told"),
    [("read", False), ("not-asked", False), ("refused", True), ("undecided", True)],
)
def test_a_table_says_which_stage_told_nothing(outcome: str, told: bool) -> None:
    said: dict[str, Any] = {"finding": "mass", "probability": 0.1, "operating_point": 0.2,
                            "decision": "absent", "calibrated": True}  # fmt: skip
    stages = [{"stage": "first", "outcome": "read"}, {"stage": "second", "outcome": outcome}]
    row = Reading(kind="reading", record={"predictions": [said], "stages": stages})
    lines = list(csv.DictReader(StringIO(_table(row)[0])))
    wanted = [("reading", "mass", "absent")] + [("stage", "second", outcome)] * told
    assert [(one["kind"], one["finding"], one["decision"]) for one in lines] == wanted
