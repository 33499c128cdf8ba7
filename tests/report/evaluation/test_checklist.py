import csv
import re
from dataclasses import replace

import pytest

from hilum.report.evaluation.checklist import fill
from hilum.report.evaluation.claim import CLAIM
from hilum.report.evaluation.page import CHECKLISTS
from hilum.report.evaluation.tripod_ai import TRIPOD_AI


def standing(checklist, a):
    return {f.item.number: f for f in fill(checklist, a)}


def test_which_items_there_are():
    assert [i.number for i in CLAIM.items] == [str(n) for n in range(1, 45)]
    main = {re.match(r"\d+", i.number).group() for i in TRIPOD_AI.items}
    assert main == {str(n) for n in range(1, 28)}
    assert len(TRIPOD_AI.items) == 52
    assert len({i.number for i in TRIPOD_AI.items}) == 52


def test_what_the_run_knows_is_filled(appraisal):
    claim, tripod = standing(CLAIM, appraisal), standing(TRIPOD_AI, appraisal)
    assert claim["29"].standing == "filled"
    assert "seed 7" in claim["29"].said
    assert claim["20"].said == "Tuning and tested radiographs are disjoint by patient."
    assert claim["20"].standing == "in part"
    assert claim["12"].said == " ".join(appraisal.notes)
    assert tripod["23a"].said.startswith("Macro AUROC 0.9")
    assert "age" in tripod["14"].said
    assert claim["40"].said == tripod["26"].said == "The scores follow the road."
    for asked_of_people in ("5", "14", "32", "33", "44"):
        assert claim[asked_of_people].standing == "for a person to fill"
        assert claim[asked_of_people].said == ""
    assert tripod["17"].standing == "for a person to fill"


def test_missing_data_are_told_and_nothing_else(appraisal):
    lost = "9 of 10 images have no prediction and are in no number here: 'a.png' and 8 more."
    a = replace(appraisal, warnings=(lost,), notes=("Column split from a file.", "2 left out."))
    said = "9 of 10 images have no prediction and are in no number here. 2 left out."
    assert standing(CLAIM, a)["12"].said == standing(TRIPOD_AI, a)["11"].said == said


def test_what_was_not_done_is_left_to_a_person(one_of):
    bare = replace(one_of, version="")
    claim, tripod = standing(CLAIM, bare), standing(TRIPOD_AI, bare)
    for number in ("7", "12", "20", "23", "30", "31", "36", "40"):
        assert claim[number].standing == "for a person to fill", number
    for number in ("11", "12d", "12g", "14", "18f", "20b", "23b"):
        assert tripod[number].standing == "for a person to fill", number


@pytest.mark.parametrize("checklist", CHECKLISTS, ids=lambda c: c.key)
def test_an_item_says_where_it_is_shown(checklist, appraisal, one_of, page, page_of_classes):
    for a, written in ((appraisal, page), (one_of, page_of_classes)):
        html = written.read_text("utf-8")
        for filled in fill(checklist, a):
            if filled.said:
                assert f'id="{filled.where}"' in html, filled.item.number


def test_the_file(page):
    with (page.parent / "checklist.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 44 + 52
    people = [row for row in rows if row["standing"] == "for a person to fill"]
    assert 0 < len(people) < len(rows)
    assert all(not row["said"] and not row["where"] for row in people)
    assert {row["checklist"] for row in rows} == {"CLAIM 2024", "TRIPOD+AI"}
