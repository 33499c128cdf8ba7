import csv
from dataclasses import replace

import pytest

from hilum.evaluation.appraisal.results import SHARES
from hilum.report.evaluation.tables import tables


def rows_of(table):
    return [dict(zip(table.header, row, strict=True)) for row in table.rows]


@pytest.fixture(scope="module")
def made(appraisal):
    return tables(appraisal)


def test_which_tables_there_are(made, one_of):
    assert set(made) == {
        "findings", "means", "points", "predictive_values", "conformal", "cases_needed",
        "subgroups", "baselines", "comparison", "long_tail", "survival", "localisation",
        "overlaps",
    }  # fmt: skip
    bare = replace(one_of, findings=tuple(replace(f, conformal=(), needed=())
                                          for f in one_of.findings))  # fmt: skip
    assert set(tables(bare)) == {"findings", "means", "confusion", "answers"}


def test_all_rows_are_as_wide_as_their_header(made):
    for table in made.values():
        assert len(set(table.header)) == len(table.header)
        assert {len(row) for row in table.rows} == {len(table.header)}
        assert table.about.endswith(".")


def test_findings(made, appraisal):
    first, _, last = rows_of(made["findings"])
    assert first["finding"] == "effusion"
    assert first["auroc"] == appraisal.findings[0].auroc.value
    assert (first["auroc_low"], first["auroc_high"]) == (0.7, 0.95)
    assert (last["auroc"], last["auroc_reason"]) == (None, "no positive")
    assert (last["calibration_slope"], last["calibration_slope_reason"]) == (None, "")


def test_points(made, appraisal):
    rows = rows_of(made["points"])
    assert [(row["finding"], row["point"]) for row in rows] == [
        ("effusion", "youden"), ("effusion", "sensitivity>=0.9"),
        ("mass", "youden"), ("mass", "sensitivity>=0.9"), ("hernia", "youden"),
    ]  # fmt: skip
    c = appraisal.findings[0].points[0].confusion
    assert [rows[0][k] for k in ("tp", "fp", "fn", "tn")] == [c.tp, c.fp, c.fn, c.tn]
    assert rows[0]["mcc"] == c.mcc.value
    assert set(SHARES) <= set(rows[0])
    assert rows[0]["sensitivity_wilson_low"] < rows[0]["sensitivity"]
    assert rows[4]["threshold"] is None
    assert rows[4]["reason"] == "one class alone on the tune rows"


def test_groups_and_their_mean(made):
    rows = rows_of(made["subgroups"])
    assert [row["finding"] for row in rows[:4]] == ["mean", "effusion", "mass", "hernia"]
    assert rows[0]["gap"] == pytest.approx(-0.05)
    assert rows[0]["p_holm"] == 0.024
    assert rows[0]["sensitivity"] is None
    assert rows[3]["auroc_reason"] == "no positive"


def test_comparison(made):
    rows = rows_of(made["comparison"])
    assert [row["finding"] for row in rows] == ["effusion", "mass", "mean"]
    assert rows[1]["difference"] == pytest.approx(-0.05)
    assert [row["p_holm"] for row in rows] == [0.02, None, None]


def test_baselines(made):
    rows = rows_of(made["baselines"])
    assert len(rows) == 2 * 4
    assert rows[0]["accuracy"] == pytest.approx(2 / 3)
    assert rows[0]["gain"] is None
    assert rows[4]["gain"] == pytest.approx(0.2)


def test_answers(one_of):
    rows = rows_of(tables(one_of)["answers"])
    assert rows[0]["value"] == pytest.approx(80 / 98)
    assert rows[0]["value_low"] < rows[0]["value"] < rows[0]["value_high"]
    recalls = {row["class"]: row["value"] for row in rows if row["number"] == "recall"}
    assert recalls == pytest.approx({"effusion": 30 / 35, "mass": 50 / 60, "hernia": 0})


def test_survival_steps(made, appraisal):
    rows = rows_of(made["survival"])
    curve = appraisal.survival.curves[0]
    assert [row["days"] for row in rows if row["group"] == "low"] == curve.days.tolist()
    assert rows[0]["at_risk"] == curve.at_risk[0]


def test_csv_files_read_back(appraisal, page):
    for name, table in tables(appraisal).items():
        with (page.parent / f"{name}.csv").open(encoding="utf-8", newline="") as file:
            header, *rows = csv.reader(file)
        assert tuple(header) == table.header
        assert len(rows) == len(table.rows)
