"""A published model's predictions on 22,433 images, and the 14 AUROCs published with them."""

import csv
import gzip

import numpy as np
import pytest

from hilum.evaluation import Reference, auroc_each, delong, intervals, intervals_of


@pytest.fixture(scope="module")
def published(shared):
    folder = shared / "labels"
    with (folder / "jrzech_retrained_chexnet_aucs.csv").open(newline="") as file:
        expected = {row["label"]: float(row["auc"]) for row in csv.DictReader(file)}
    with gzip.open(folder / "jrzech_retrained_chexnet_test_predictions.csv.gz", "rt") as file:
        rows = list(csv.DictReader(file))
    with gzip.open(folder / "Data_Entry_2017_v2020.csv.gz", "rt") as file:
        labels = {
            row["Image Index"]: set(row["Finding Labels"].split("|"))
            for row in csv.DictReader(file)
        }
    scores = np.array([[float(row[f"prob_{name}"]) for name in expected] for row in rows])
    images = [row["Image Index"] for row in rows]
    targets = np.array([[name in labels[image] for name in expected] for image in images])
    return expected, targets, scores, [image[:8] for image in images]


def test_the_14_aurocs_to_six_decimals(published):
    expected, targets, scores, _ = published
    assert targets.shape == (22433, 14)
    for name, found in zip(expected, auroc_each(targets, scores), strict=True):
        assert found.value == pytest.approx(expected[name], abs=5e-7), name


def test_every_auroc_has_an_interval_by_patient(published):
    expected, targets, scores, patients = published
    found = intervals(
        Reference.of(targets, patients, findings=tuple(expected)),
        scores,
        rng=np.random.default_rng(0),
        samples=200,
    )
    for measure in (*found.each, found.mean):
        assert measure.low < measure.value < measure.high
        assert measure.undefined_samples == 0
    assert found.mean.value == pytest.approx(np.mean(list(expected.values())), abs=5e-7)


def test_delong_gives_the_14_aurocs_and_is_too_sure_of_them(published):
    """Patients have up to dozens of images here: intervals that count images are too short."""
    expected, targets, scores, patients = published
    plain = delong(targets, scores)
    clustered = intervals(
        Reference.of(targets, patients), scores, rng=np.random.default_rng(0), samples=400
    ).each
    for name, found in zip(expected, plain, strict=True):
        assert found.value == pytest.approx(expected[name], abs=5e-7), name
        assert found.low < found.value < found.high
    widths = [np.mean([m.high - m.low for m in some]) for some in (plain, clustered)]
    assert widths[0] < 0.95 * widths[1]


def test_means_are_those_of_scikit_learn(published):
    from sklearn.metrics import average_precision_score, roc_auc_score

    _, targets, scores, patients = published
    found = intervals_of(
        Reference.of(targets, patients), scores, rng=np.random.default_rng(0), samples=20
    )
    for metric, theirs in (
        ("auroc", roc_auc_score),
        ("average precision", average_precision_score),
    ):
        assert found[metric].mean.value == pytest.approx(theirs(targets, scores, average="macro"))
        assert found[metric].weighted.value == pytest.approx(
            theirs(targets, scores, average="weighted")
        )
