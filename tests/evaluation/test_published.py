"""A published model's predictions on 22,433 images, and the 14 AUROCs published with them."""

import csv
import gzip

import numpy as np
import pytest

from hilum.evaluation import Reference, auroc_each, intervals


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
