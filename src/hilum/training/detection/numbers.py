"""What a card says of boxes: average precision, and sensitivity at so many false ones."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from hilum.bundles.card import BoxKind, Result
from hilum.evaluation.localisation import (
    ByPatient,
    Froc,
    PredictedBoxes,
    froc,
    matches,
    mean_average_precision,
)
from hilum.evaluation.localisation.froc import RATES
from hilum.evaluation.localisation.resampled import measures, sensitivity_draws
from hilum.evaluation.measure import Measure
from hilum.training.detection.judged import Agreement
from hilum.training.numbers import as_result

AP, FROC, ONE = "AP at IoU .5", "FROC sensitivity", "sensitivity at 1 false box an image"

HOW = (
    "boxes compared in pixels of the network's input, at an IoU of .5 (COCO); intervals: bootstrap "
    "by patient, 2,000 draws"
)

POINTS = 400
"""Points of a curve that are kept for the page, at most."""


def results(
    agreement: Agreement, patients: ArrayLike, *, split: str, note: str, seed: int
) -> tuple[list[Result], dict[str, Any]]:
    """Rows of the card for some pictures, and the curves behind them.

    Args:
        agreement: boxes of both sides.
        patients: of the pictures.
        split: which pictures, in words.
        note: how they relate to the network.
        seed: of the bootstrap.

    Returns:
        Average precision, mean sensitivity at an eighth to eight false boxes an image, and
        sensitivity at one, a row a kind and one for the mean of kinds; kind → its curve.
    """
    by = ByPatient(patients, np.random.default_rng(seed))
    reference, predicted, kinds = agreement.reference, agreement.predicted, agreement.kinds
    said = f"{note}; {HOW}"
    precision = mean_average_precision(reference, predicted, kinds, by=by)
    found = [_result(AP, k, m, split, said) for k, m in zip(kinds, precision.each, strict=True)]
    found.append(_result(AP, None, precision.mean, split, said))
    every = [matches(reference, predicted, key) for key in kinds]
    kernel = partial(sensitivity_draws, rates=np.array(RATES))
    *at, mean = measures(every, kernel, kinds, by)
    for name, one in ((FROC, mean), (ONE, at[RATES.index(1.0)])):
        found += [_result(name, k, m, split, said) for k, m in zip(kinds, one.each, strict=True)]
        found.append(_result(name, None, one.mean, split, said))
    curves = {
        key: _curve(froc(reference, predicted, key), [one.each[place] for one in at])
        for place, key in enumerate(kinds)
    }
    return found, curves


def shown(agreement: Agreement, kinds: Sequence[BoxKind], *, split: str, note: str) -> list[Result]:
    """Sensitivity, and false boxes an image, of the boxes from each kind's threshold on."""
    found: list[Result] = []
    for kind in kinds:
        some = agreement.predicted.score >= kind.threshold
        of = agreement.predicted
        kept = PredictedBoxes(of.row[some], of.finding[some], of.xywh[some], of.score[some])
        one = matches(agreement.reference, kept, kind.key)
        boxes, images = int(one.boxes.sum()), int(one.counted.sum())
        said = f"{note}; boxes of a score of {kind.threshold:.3f} or more, at an IoU of .5"
        numbers = {
            "sensitivity of shown boxes": _share(int(one.hit.sum()), boxes, "no box of readers"),
            "precision of shown boxes": _share(int(one.hit.sum()), len(one.hit), "none is shown"),
            "false boxes an image": _share(int((~one.hit).sum()), images, "no image counts"),
        }
        found += [_result(name, kind.key, m, split, said) for name, m in numbers.items()]
    return found


def _share(above: int, below: int, reason: str) -> Measure:
    return Measure(above / below) if below else Measure(None, reason)


def _result(metric: str, key: str | None, found: Measure, split: str, note: str) -> Result:
    if found.value is not None and found.low == found.high == found.value:
        why = "no draw gives another number, of which resampling cannot tell how sure it is"
        found = replace(found, low=None, high=None, reason=why)
    row = as_result(metric, key, found, split, note)
    return row if found.images else row.model_copy(update={"positives": None, "images": None})


def _curve(found: Froc, at_rates: Sequence[Measure]) -> dict[str, Any]:
    """A curve as JSON has it: where it rises and its end, thinned; and numbers at the rates."""
    rises = np.flatnonzero(np.diff(found.sensitivity, prepend=-1.0) > 0)
    kept = np.unique(np.append(rises, len(found.sensitivity) - 1)) if len(rises) else rises
    places = np.linspace(0, len(kept) - 1, min(len(kept), POINTS)).round().astype(int)
    at = kept[places]
    return {
        "false_boxes": [round(v, 5) for v in found.false_boxes[at].tolist()],
        "sensitivity": [round(v, 5) for v in found.sensitivity[at].tolist()],
        "rates": list(found.rates),
        "at": [[one.value, one.low, one.high] for one in at_rates],
    }
