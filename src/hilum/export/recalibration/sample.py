"""Logits of a bundle for the images of a label table, from what it said of them."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hilum.bundles import Bundle
from hilum.bundles.card import Calibration
from hilum.datasets.predictions import Predictions
from hilum.datasets.predictions.names import rows_of
from hilum.domain import LabelTable
from hilum.domain.text import first_few
from hilum.errors import EvaluationError, LabelError
from hilum.reading.scale import calibrator

_SURE = 5e-10
"""How near to 0 or 1 probabilities of nine digits are still told apart."""


def check_read_by(bundle: Bundle, folder: Path) -> None:
    """Refuse the folder of ``hilum read`` that another bundle filled, or at another prevalence.

    Args:
        bundle: that is to be recalibrated.
        folder: of predictions; one without the facts of a run is taken on trust.

    Raises:
        EvaluationError: it was another bundle, or its probabilities were restated.
    """
    run = folder / ".hilum" / "run.json"
    if not run.is_file():
        return
    try:
        facts: dict[str, Any] = json.loads(run.read_text(encoding="utf-8"))
    except ValueError as error:
        raise LabelError(f"{run.name} of {folder.name} is damaged.") from error
    said = facts.get("bundle", {})
    if said.get("digest") != bundle.digest:
        raise EvaluationError(
            f"{folder.name} was read with {said.get('name')} {said.get('version')}, card "
            f"{str(said.get('digest'))[:12]}…, not with {bundle}, card {bundle.digest[:12]}…: name "
            f"the bundle that read it, or read the radiographs again with this one."
        )
    if facts.get("prevalence", "training") != "training":
        raise EvaluationError(
            f"{folder.name} was read with probabilities restated for {facts['prevalence']}; read "
            f"the radiographs again without --prevalence."
        )


def logits_of(
    bundle: Bundle, predictions: Predictions, table: LabelTable
) -> tuple[NDArray[np.float64], str]:
    """Logits behind probabilities that a bundle gave.

    Args:
        bundle: that gave them.
        predictions: probabilities of its findings.
        table: whose images are wanted.

    Returns:
        [images of the table, findings of the card], NaN where nothing was predicted; and by what
        images were matched, "" for their whole names.

    Raises:
        EvaluationError: the predictions lack a finding of the card, or no image is in the table;
            or the bundle's calibration is isotonic, whose probabilities do not tell logits.
    """
    card = bundle.card
    lacking = [key for key in card.keys if key not in predictions.findings]
    if lacking:
        raise EvaluationError(
            f"{predictions.name} does not tell of {first_few(lacking)}, which {bundle} finds: are "
            f"these its predictions?"
        )
    bent = [row.key for row in card.findings if not row.calibration.is_line]
    if bent:
        raise EvaluationError(
            f"{bundle} has calibrations that are no line ({first_few(bent)}): its probabilities do "
            f"not tell its logits. Give the radiographs with --data."
        )
    rows, how = rows_of(predictions.images, table.images)
    if not (rows >= 0).any():
        raise EvaluationError(
            f"None of the {len(rows):,} images of {predictions.name} is in the label table: such "
            f"as {first_few(predictions.images[:2].tolist())} against "
            f"{first_few(table.images[:2].tolist())}."
        )
    at = [predictions.findings.index(key) for key in card.keys]
    values = np.clip(predictions.values[rows >= 0][:, at], 1e-15, 1 - _SURE)
    odds = np.log(values) - np.log1p(-values)
    lines = [calibrator(row.calibration) for row in card.findings]
    slopes = np.array([line.slope for line in lines])
    shifts = np.array([line.intercept for line in lines])
    out = np.full((len(table), len(at)), np.nan)
    out[rows[rows >= 0]] = (odds - shifts) / slopes
    return out, how


def uncalibrated(bundle: Bundle) -> Bundle:
    """The bundle with probability = sigmoid(logit), so that what it says tells its logits."""
    rows = tuple(
        row.model_copy(update={"calibration": Calibration()}) for row in bundle.card.findings
    )
    return replace(bundle, card=bundle.card.model_copy(update={"findings": rows}))
