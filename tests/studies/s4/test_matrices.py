"""S4's matrices as fixtures of the arithmetic."""

import pytest

from hilum.studies.s4 import what_it_printed
from hilum.studies.s4.matrices import CLASSIFIER, RUNS, SAME, f1_of, table_of


@pytest.mark.parametrize("run", RUNS, ids=lambda run: f"{run.lever}-{run.name}")
def test_printed_f1_is_that_of_the_matrix(run):
    f1 = f1_of(run.table)["binary"]
    assert f1 is not None
    assert abs(f1 - float(run.printed)) < 0.01
    assert sum(run.counts) == 278
    assert sum(run.counts[:2]) == 30


def test_averages_agree_with_scikit_learn():
    metrics = pytest.importorskip("sklearn.metrics", reason="needs scikit-learn")
    tp, fn, fp, tn = RUNS[3].counts
    truth = [1] * (tp + fn) + [0] * (fp + tn)
    said = [1] * tp + [0] * fn + [1] * fp + [0] * tn
    found = f1_of(RUNS[3].table)
    for name, value in found.items():
        assert value == pytest.approx(metrics.f1_score(truth, said, average=name))


def test_runs_of_one_network_differ_as_much_as_the_study_says():
    same = [f1_of(run.table)["binary"] or 0 for run in RUNS if run.same == SAME]
    assert (round(min(same), 2), round(max(same), 2)) == (0.27, 0.40)
    assert len({run.counts for run in RUNS if run.same == SAME}) == 6
    assert len([run for run in RUNS if run.same == CLASSIFIER]) == 2


def test_always_died_beats_two_of_its_networks(tmp_path):
    found = what_it_printed.measure(None, ())  # type: ignore[arg-type]
    assert found["always"]["binary"] == pytest.approx(60 / 308)
    assert f1_of(table_of((0, 30, 0, 248)))["micro"] == pytest.approx(248 / 278)
    shown = what_it_printed.show(found)
    assert len(shown.tables[0].rows) == len(RUNS) + 2
    assert "ResNet18, SqueezeNet 1.1 lie below that" in shown.words[1]
    assert all(len(row) == len(shown.tables[0].head) for row in shown.tables[0].rows)


def test_how_numbers_were_printed():
    found = what_it_printed.measure(None, ())["runs"]  # type: ignore[arg-type]
    how = {run["counts"][0]: run["as_printed"] for run in found if run["lever"] == "network"}
    assert how == {4: "either", 9: "rounded", 16: "either", 15: "cut", 6: "rounded"}
