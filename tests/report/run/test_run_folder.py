import json

import numpy as np
import pytest

from hilum.errors import RunError
from hilum.report.run.folder import read_run
from hilum.report.run.judged import probabilities, squares, to_look_at, two_by_two

from .conftest import FOLDED, KEYS, card, line, recipe, write_lines


def test_a_run_on_its_way(begun):
    run = read_run(begun)
    assert [network.name for network in run.networks] == ["fold-0", "fold-1", "fold-2", "final"]
    assert run.card is None
    assert run.held is None
    assert run.findings == KEYS
    assert run.share_done == pytest.approx(5 / 16)
    assert run.seconds_left == pytest.approx(30 * 11)
    now, past = run.concerns
    assert (now.network, now.code, now.over) == ("fold-0", "overfitting", False)
    assert now.told == ((2, "Tune loss rises."),)
    assert (past.code, past.over, past.advice) == ("blind", True, "Look at labels.")
    assert [epoch for epoch, _ in past.told] == [0, 2]


def test_a_run_that_has_ended(ended):
    run = read_run(ended)
    assert run.split == FOLDED
    assert run.within == "AUROC within road"
    assert run.result("AUROC", None).value == 0.8
    assert run.result("AUROC", None, "tune").value == pytest.approx(0.79)
    assert run.result("refused by the gate", None, "elsewhere") is None  # no mean of findings
    assert run.share_done == 1
    assert run.seconds_left == 0
    assert run.missing == []


@pytest.mark.parametrize(
    ("by", "lines", "best"),
    [
        ("auroc", [line(0, 0.6), line(1, 0.8), line(2, 0.8)], 1),
        ("auroc", [line(0, None), line(1, None)], None),
        ("auroc:mass", [line(0), line(1, tune={"auroc": {"mass": 0.7}})], 1),
        ("average-precision", [line(0, tune={"average_precision": {"mean": 0.2}}), line(1)], 0),
        ("loss", [line(0), line(1), line(2, tune_loss=0.9)], 1),
        ("f1", [line(0, best=True), line(1, best=True), line(2, best=False)], 1),
        ("f1", [line(0), line(1)], None),
        ("auroc", [], None),
    ],
)
def test_the_epoch_that_is_kept(begun, by, lines, best):
    (begun / "recipe.json").write_text(json.dumps(recipe(fit={"epochs": 4, "best": by})))
    write_lines(begun / "final", lines)
    assert read_run(begun).networks[-1].best == best


def test_networks_beyond_the_folds_are_found(begun):
    write_lines(begun / "member-2", [line(0)])
    (begun / "recipe.json").write_text(json.dumps(recipe(folds=0)))
    names = [network.name for network in read_run(begun).networks]
    assert names == ["fold-0", "fold-1", "member-2", "final"]


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("recipe.json", None, "is no run's folder: it holds no recipe.json"),
        ("environment.json", "{", "environment.json in the run's folder is damaged"),
        ("data.json", "[]", "data.json in the run's folder is not what training writes there"),
        ("out-of-fold.npz", "no archive", "out-of-fold.npz in the run's folder is damaged"),
        ("fold-0/epochs.jsonl", "{}\n", "fold-0/epochs.jsonl, line 1, is not what training wrote"),
    ],
)
def test_what_is_damaged_is_named(begun, name, text, message):
    if text is None:
        (begun / name).unlink()
    else:
        (begun / name).write_text(text)
    with pytest.raises(RunError, match=message):
        read_run(begun)


def test_arrays_that_do_not_fit_are_refused(ended):
    with np.load(ended / "out-of-fold.npz") as file:
        held = dict(file)
    held["mask"] = held["mask"][:3]
    np.savez(ended / "out-of-fold.npz", **held)
    with pytest.raises(RunError, match="do not fit each other"):
        read_run(ended)


def test_decisions_at_the_operating_point(ended):
    run = read_run(ended)
    rows = two_by_two(run.card, run.held, run.recipe)
    assert [row.finding for row in rows] == list(KEYS)
    counted = rows[0].counted
    # 12 even images have it, one is missed; of 12 odd ones one is a false alarm, one not counted.
    assert (counted.tp, counted.fn, counted.fp, counted.tn) == (11, 1, 1, 10)
    assert rows[0].sensitivity.value == pytest.approx(11 / 12)
    calibrated = card(findings=[{"key": key, "calibration": {"slope": 0.5, "intercept": -1.0}}
                                for key in KEYS])  # fmt: skip
    held = run.held.logits[4, 0]
    expected = 1 / (1 + np.exp(-(0.5 * held - 1)))
    assert probabilities(calibrated, run.held)[4, 0] == pytest.approx(expected)


def test_the_surest_images_of_each_kind(ended):
    run = read_run(ended)
    shown = to_look_at(run.card, run.held)["effusion"]
    assert [one.row for one in shown["false-alarm"]] == [1]
    assert [one.row for one in shown["missed"]] == [2]
    assert len(shown["found"]) == len(shown["cleared"]) == 3
    sure = [one.probability for one in shown["found"]]
    assert sure == sorted(sure, reverse=True)
    assert all(one.row % 2 == 1 and one.row != 5 for one in shown["cleared"])


@pytest.mark.parametrize("kind", ["one-of", "ordinal"])
def test_a_square_for_findings_that_shut_each_other_out(ended, kind):
    with np.load(ended / "out-of-fold.npz") as file:
        held = dict(file)
    truth = np.arange(24) % 3
    held["targets"] = np.eye(3, dtype=np.float32)[truth]
    held["targets"][0] = 0
    held["logits"] = np.eye(3, dtype=np.float32)[(truth + (np.arange(24) == 4)) % 3]
    held["mask"][:] = True
    np.savez(ended / "out-of-fold.npz", **held)
    tasks = {"task": [{"kind": kind, "findings": list(KEYS)}]}
    run = read_run(ended)
    (square,) = squares(run.card, run.held, tasks)
    assert square.counts.tolist() == [[7, 0, 0], [0, 7, 1], [0, 0, 8]]
    assert square.left_out == 1
    assert square.accuracy.value == pytest.approx(22 / 23)
    assert two_by_two(run.card, run.held, tasks) == []
