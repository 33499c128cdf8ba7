"""Head, middle, tail."""

import csv
import gzip

import numpy as np
import pytest

from hilum.errors import EvaluationError
from hilum.evaluation import ConfusionTable, Measure, grouped_means, head_middle_tail


def test_limits_belong_to_the_middle():
    counts = {"a": 1001, "b": 1000, "c": 100, "d": 99, "e": 0}
    assert head_middle_tail(counts) == {"head": ("a",), "middle": ("b", "c"), "tail": ("d", "e")}
    assert head_middle_tail(counts, head=1, tail=1)["tail"] == ("e",)
    with pytest.raises(EvaluationError, match="the tail ends at 5, beyond the head"):
        head_middle_tail(counts, head=4, tail=5)
    with pytest.raises(EvaluationError, match="counts must not be negative: a"):
        head_middle_tail({"a": -1})


def test_balanced_accuracy_of_each_group():
    counts = np.array([[8, 2, 0], [5, 5, 0], [3, 0, 1]])
    table = ConfusionTable(counts, ("no finding", "nodule", "hernia"))
    recalls = dict(zip(table.classes, table.recalls, strict=True))
    groups = head_middle_tail({"no finding": 58494, "nodule": 2602, "hernia": 89})
    found = grouped_means(recalls, groups)
    assert found["head"].value == pytest.approx(0.65)
    assert found["middle"].reason == "the group is empty"
    assert found["tail"].value == 0.25
    undefined = recalls | {"nodule": Measure(None, "no positive")}
    assert grouped_means(undefined, groups)["head"].reason.endswith("nodule (no positive)")
    with pytest.raises(EvaluationError, match="no number of hernia was given"):
        grouped_means({"no finding": Measure(1.0), "nodule": Measure(1.0)}, groups)


def test_the_published_long_tail(shared):
    """NIH-CXR-LT has 20 classes; those under 100 training images are its tail."""
    path = shared / "labels" / "miccai2023_nih-cxr-lt_labels_train.csv.gz"
    with gzip.open(path, "rt", newline="") as file:
        rows = csv.DictReader(file)
        names = [n for n in rows.fieldnames if n not in ("id", "subj_id")]
        counts = dict.fromkeys(names, 0)
        for row in rows:
            for name in names:
                counts[name] += row[name] in ("1", "1.0")
    groups = head_middle_tail(counts)
    assert sum(map(len, groups.values())) == len(names)
    assert "Pneumomediastinum" in groups["tail"]
    assert "Infiltration" in groups["head"]
    assert "Pneumonia" in groups["middle"]
