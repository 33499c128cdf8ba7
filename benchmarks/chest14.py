"""The shipped network against frozen features and a logistic regression, on the same images."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from benchmarks.cohort import Cohort
from benchmarks.options import ROOT, Options, shared
from benchmarks.results import Mark, Section, Table
from benchmarks.scores import Scores, load_scores, save_scores
from hilum.evaluation import Comparison, Measure, Metric, Reference, compare
from hilum.recipes import locate
from hilum.training.recipe import Recipe, load_recipe

TITLE = "chest14 against frozen features and logistic regression"
SAVED = ROOT / "benchmarks" / "data"
FOLDED, TUNE = SAVED / "chest14-out-of-fold.csv.gz", SAVED / "chest14-val.csv.gz"
DRAWS = 2000
SEED = 0


@dataclass(frozen=True, slots=True)
class Row:
    """One comparison.

    Attributes:
        images: which images, and what both methods had seen of them.
        metric: what is compared.
        baseline: name of the baseline.
        found: network against baseline.
        findings: number of findings averaged.
        note: what was left out.
    """

    images: str
    metric: str
    baseline: str
    found: Comparison
    findings: int
    note: str


def run(options: Options) -> Section:
    """Measure."""
    data = options.data or shared() / "radiographs"
    recipe = load_recipe(locate("chest14"))
    if options.run is not None:
        recipe = Recipe.model_validate_json((options.run / "recipe.json").read_text("utf-8"))
    if not (data / recipe.data.table).is_file():
        return Section("chest14", TITLE, skipped="needs the radiographs: see docs/benchmarks.md.")
    cohort = Cohort.of(recipe, data)
    if options.run is not None:
        from benchmarks.frozen import scores_of

        weights = options.weights or shared() / "checkpoints"
        folded, tune = scores_of(cohort, options.run, data, weights, options.folder)
        save_scores(FOLDED, folded)
        save_scores(TUNE, tune)
    elif not (FOLDED.exists() and TUNE.exists()):
        return Section("chest14", TITLE, skipped="no saved scores; give --run FOLDER.")
    return _section(cohort, load_scores(FOLDED), load_scores(TUNE))


def _section(cohort: Cohort, folded: Scores, tune: Scores) -> Section:
    _check(cohort, folded, tune)
    rows = [
        *_compared(cohort, folded, "out of fold"),
        *_compared(cohort, tune, "train → val"),
    ]
    pairs = dict.fromkeys((row.images, row.metric) for row in rows)
    return Section(
        "chest14",
        TITLE,
        marks=tuple(_mark(_hardest(rows, pair)) for pair in pairs),
        tables=(
            Table(
                "Mean AUROC over findings, paired 95 % intervals clustered by patient "
                f"({DRAWS:,} draws):",
                ("images", "AUROC", "findings", "network", "baseline", "difference", "p", ""),
                [_cells(row) for row in rows],
            ),
            Table(
                "Each finding, out of fold, against the baseline at the network's input size:",
                ("finding", "present", "network", "baseline", "difference"),
                _each(cohort, folded),
            ),
        ),
        notes=_notes(cohort, folded),
    )


def _check(cohort: Cohort, folded: Scores, tune: Scores) -> None:
    """The saved scores are of the rows and folds that the recipe gives."""
    images = cohort.table.images
    wanted = {images[i]: part for part, rows in cohort.outer.parts.items() for i in rows}
    if dict(zip(folded.images, folded.parts, strict=True)) != wanted:
        raise RuntimeError(f"{FOLDED.name} holds other images or folds than the recipe gives")
    if set(tune.images) != {images[i] for i in cohort.split.parts["tune"]}:
        raise RuntimeError(f"{TUNE.name} holds other images than the recipe's tuning rows")


def _compared(cohort: Cohort, scores: Scores, images: str) -> list[Row]:
    reference = cohort.reference(scores.images)
    metrics: dict[str, Metric] = {"plain": "auroc", "within road": "auroc within strata"}
    return [
        _compare(reference, scores, images, name, metric, baseline)
        for name, metric in metrics.items()
        for baseline in scores.methods[1:]
    ]


def _compare(
    reference: Reference,
    scores: Scores,
    images: str,
    name: str,
    metric: Metric,
    baseline: str,
) -> Row:
    """Compare means; findings too rare to be drawn again and again are left out, and named."""
    network = scores.of(scores.methods[0])
    other = scores.of(baseline)
    rng = np.random.default_rng(SEED)
    all_ = compare(reference, network, other, rng=rng, metric=metric, samples=DRAWS)
    if all_.mean.difference.low is not None:
        return Row(images, name, baseline, all_.mean, len(reference.findings), "")
    common = np.argsort(-(reference.targets & reference.mask).sum(0), kind="stable")
    for count in range(len(common) - 1, 0, -1):
        kept = sorted(common[:count].tolist())
        some = Reference.of(
            reference.targets[:, kept],
            reference.patients,
            mask=reference.mask[:, kept],
            strata=reference.strata,
            findings=[reference.findings[i] for i in kept],
        )
        rng = np.random.default_rng(SEED)
        mean = compare(
            some, network[:, kept], other[:, kept], rng=rng, metric=metric, samples=DRAWS
        ).mean
        if mean.difference.low is not None:
            break
    else:
        raise ValueError(f"{images}: no finding has an interval")
    left = [key for i, key in enumerate(reference.findings) if i not in kept]
    values = f"all {len(all_.each)}: {_value(all_.mean.a)} against {_value(all_.mean.b)}"
    note = f"without {', '.join(left)}, too rare for an interval ({values})"
    return Row(images, name, baseline, mean, len(kept), note)


def _hardest(rows: Sequence[Row], which: tuple[str, str]) -> Row:
    """The row with the better baseline."""
    same = [row for row in rows if (row.images, row.metric) == which]
    return max(same, key=lambda row: row.found.b.value or 0.0)


def _mark(row: Row) -> Mark:
    what = f"chest14 above the better baseline, {row.images}, {row.metric}"
    difference = row.found.difference
    assert difference.value is not None, "chest14 has findings on both sides"
    got = (
        f"{_value(row.found.a)} against {_value(row.found.b)} ({row.baseline}): "
        f"{_signed(difference)}"
    )
    if difference.low is not None and difference.low <= 0 < difference.value:
        got += "; the interval holds 0"
    if row.note:
        got += f"; {row.note}"
    shown = difference.low is not None and difference.low > 0
    why = "the baseline is as good or better here."
    if difference.value > 0:
        why = "higher, but chance is not excluded: the interval holds 0, or there is none."
    return Mark(what, got, shown, why)


def _cells(row: Row) -> list[str]:
    p = "" if row.found.p_value is None else f"{row.found.p_value:.3f}"
    return [
        row.images, row.metric, str(row.findings), str(row.found.a),
        f"{row.found.b}, {row.baseline}", _signed(row.found.difference), p, row.note,
    ]  # fmt: skip


def _each(cohort: Cohort, scores: Scores) -> list[list[str]]:
    reference = cohort.reference(scores.images)
    found = compare(
        reference,
        scores.of(scores.methods[0]),
        scores.of(scores.methods[1]),
        rng=np.random.default_rng(SEED),
        samples=DRAWS,
    )
    return [
        [key, str(one.a.positives), _value(one.a), _value(one.b), _signed(one.difference)]
        for key, one in zip(reference.findings, found.each, strict=True)
    ]


def _signed(difference: Measure) -> str:
    if difference.value is None or difference.low is None or difference.high is None:
        return str(difference)
    return f"{difference.value:+.3f} ({difference.low:+.3f} to {difference.high:+.3f})"


def _value(measure: Measure) -> str:
    return "undefined" if measure.value is None else f"{measure.value:.3f}"


def _notes(cohort: Cohort, folded: Scores) -> tuple[str, ...]:
    train, tune = (len(cohort.split.parts[p]) for p in ("train", "tune"))
    baselines = (
        f"Baselines ({', '.join(folded.methods[1:])}): the same backbone with the weights that "
        "training began with, never trained further; its features of the radiographs at that "
        "input size, standardised on the rows that are learnt from, and scikit-learn's "
        "LogisticRegression(C=0.001), one a finding."
    )
    out = (
        f"Out of fold: {train + tune:,} images (train and val), {cohort.recipe.folds} folds by "
        "patient, the same for both; the network chose its checkpoint on an eighth of the rows "
        "that it learnt from, the baseline learns from all of them."
    )
    last = (
        f"train → val: learnt from the {train:,} training images, measured on the {tune} of val. "
        "Those chose the network's checkpoint, so this row flatters it; out of fold does not."
    )
    roads = (
        "Within road: only pairs of images that reached the collection by the same road are "
        "compared; knowing the road alone gives a plain AUROC well above .5."
    )
    saved = (
        f"All scores lie in `benchmarks/data` ({FOLDED.name}, {TUNE.name}): the comparison can be "
        "checked without training."
    )
    return baselines, out, last, roads, saved
