"""From files to numbers: what must be refused, and what must be told."""

import csv

import numpy as np
import pytest

from hilum.datasets.label_files import read_label_file
from hilum.datasets.predictions import Asked, check, match, read_predictions
from hilum.datasets.table import save
from hilum.domain import LabelTable, finding
from hilum.errors import EvaluationError, HilumError, LabelError, UnknownName
from hilum.evaluation import auroc_each
from hilum.evaluation.appraisal import Options, PointRule, appraise

N = 120
QUICK = Options(samples=50)


@pytest.fixture
def labels(tmp_path):
    rng = np.random.default_rng(0)
    table = LabelTable(
        images=[f"{i}.png" for i in range(N)],  # type: ignore[arg-type]
        findings=("mass", "effusion"),
        states=(rng.random((N, 2)) < 0.4).astype(np.uint8),
        patients=[f"p{i // 2}" for i in range(N)],  # type: ignore[arg-type]
    )
    save(table, tmp_path / "labels.csv")
    return table


def sensible(table):
    rng = np.random.default_rng(1)
    odds = 1.5 * table.states + rng.normal(size=table.states.shape) - 1
    return 1 / (1 + np.exp(-odds))


def measured(folder, values, images=None, options=QUICK):
    """Write predictions, and evaluate them as the command does."""
    path = folder / "mine.csv"
    names = [f"{i}.png" for i in range(N)] if images is None else images
    with path.open("w", newline="", encoding="utf-8") as file:
        rows = csv.writer(file)
        rows.writerow(["Image Index", "prob_Mass", "prob_Effusion"])
        rows.writerows([name, *row] for name, row in zip(names, values, strict=True))
    table = read_label_file(folder / "labels.csv")
    return appraise(match(read_predictions(path), table), options)


def _some_empty(values):
    values = values.copy()
    values[:5] = np.nan
    return values


REFUSED = {
    "unknown images": (
        lambda t, v: (v, [f"x{i}.png" for i in range(N)]), "None of the 120 images"),
    "all NaN": (lambda t, v: (np.full_like(v, np.nan), None), "None of the 120 tested images"),
    "outside [0, 1]": (lambda t, v: (v + 0.5, None), "lie outside [0, 1]"),
    "logits": (lambda t, v: (np.log(v / (1 - v)), None), "say --logits"),
    "rows that disagree": (
        lambda t, v: (np.vstack([v, v[:3] / 2]), [*t.images, *t.images[:3]]),
        "rows of 3 images disagree"),
}  # fmt: skip

TOLD = {
    "some unknown images": (
        lambda t, v: (v, [*t.images[:100], *(f"x{i}.png" for i in range(20))]),
        "20 predictions are of images that the label table does not know"),
    "missing images": (lambda t, v: (v[:60], t.images[:60]), "60 of 120 images"),
    "NaN": (lambda t, v: (_some_empty(v), None), "10 predictions are empty or NaN"),
    "equal rows twice": (
        lambda t, v: (np.vstack([v, v[:3]]), [*t.images, *t.images[:3]]), "3 rows repeat"),
}  # fmt: skip


@pytest.mark.parametrize("case", REFUSED)
def test_what_would_mislead_is_refused(tmp_path, labels, case):
    change, message = REFUSED[case]
    with pytest.raises(HilumError) as error:
        measured(tmp_path, *change(labels, sensible(labels)))
    assert message in str(error.value)


@pytest.mark.parametrize("case", TOLD)
def test_what_was_left_out_is_told(tmp_path, labels, case):
    change, message = TOLD[case]
    found = measured(tmp_path, *change(labels, sensible(labels)))
    assert any(message in line for line in (*found.warnings, *found.notes))


def test_nothing_is_told_where_nothing_is_wrong(tmp_path, labels):
    found = measured(tmp_path, sensible(labels))
    assert not found.warnings
    assert len(found.notes) == 2  # that no threshold was fixed, and that draws were few


def test_a_finding_of_one_class_is_undefined(tmp_path, labels):
    states = labels.states.copy()
    states[:, 0] = 0
    save(labels.with_states(labels.findings, states), tmp_path / "labels.csv")
    found = measured(tmp_path, sensible(labels))
    assert found.findings[0].auroc.value is None
    assert "no positive" in found.findings[0].auroc.reason
    assert any("one class alone" in line for line in found.warnings)


def test_three_patients_have_no_interval(tmp_path, labels):
    few = LabelTable(
        images=labels.images,
        findings=labels.findings,
        states=labels.states,
        patients=[f"p{i % 3}" for i in range(N)],  # type: ignore[arg-type]
    )
    save(few, tmp_path / "labels.csv")
    found = measured(tmp_path, sensible(labels))
    assert any("3 patients in all" in line for line in found.warnings)
    assert found.findings[0].auroc.low is None
    assert "too few" in found.findings[0].auroc.reason


def test_published_predictions_give_the_published_numbers(shared):
    """Fourteen AUROCs to six decimals, from files as they were published."""
    folder = shared / "labels"
    given = read_predictions(folder / "jrzech_retrained_chexnet_test_predictions.csv.gz")
    table = read_label_file(folder / "Data_Entry_2017_v2020.csv.gz", "chestxray14")
    found = match(given, table)
    measured = auroc_each(found.targets, found.scores, found.mask)
    with (folder / "jrzech_retrained_chexnet_aucs.csv").open() as file:
        published = {row["label"]: float(row["auc"]) for row in csv.DictReader(file)}
    labels = [finding(key).label for key in found.findings]
    ours = {label: one.value for label, one in zip(labels, measured, strict=True)}
    assert ours == pytest.approx(published, abs=1e-6)
    assert len(found.images) == 22433
    assert any("17,220 of 22,433 tested images" in line for line in found.warnings)


def test_labels_by_a_column_map(tmp_path):
    (tmp_path / "own.csv").write_text("file,who,Mass\na.png,p,1\nb.png,q,0\n")
    (tmp_path / "map.toml").write_text(
        'table = "other.csv"\nimage = "file"\npatient = "who"\n[findings]\nMass = "mass"\n'
    )
    table = read_label_file(tmp_path / "own.csv", str(tmp_path / "map.toml"))
    assert table.findings == ("mass",)
    assert table.patients.tolist() == ["p", "q"]


@pytest.mark.parametrize(
    ("name", "columns", "error", "message"),
    [
        ("none.csv", "", LabelError, "No labels none.csv"),
        ("own.csv", "", LabelError, "Say what it is with --columns"),
        ("", "", LabelError, "is a folder, not a label table"),
        ("own.csv", "chestxray41", UnknownName, "chestxray14"),
        ("own.csv", "chestxray14:2020", UnknownName, "v2020"),
    ],
)
def test_labels_that_cannot_be_read(tmp_path, name, columns, error, message):
    (tmp_path / "own.csv").write_text("file,who,Mass\na.png,p,1\n")
    with pytest.raises(error) as raised:
        read_label_file(tmp_path / name, columns)
    assert message in str(raised.value)


def test_a_point_without_tune_rows_is_refused(tmp_path, labels):
    options = Options(samples=2, points=(PointRule("youden"),))
    with pytest.raises(EvaluationError, match="--tune PART"):
        measured(tmp_path, sensible(labels), options=options)


def test_everything_that_is_asked_is_checked_before_work(labels):
    with pytest.raises(LabelError, match="no column 'ward'"):
        check(labels, Asked(within="ward"))
