"""Boxes drawn at random, near some of those that readers drew."""

import numpy as np

from hilum.domain.boxes import Boxes
from hilum.domain.text import text
from hilum.evaluation.localisation import PredictedBoxes

KEYS = ("mass", "nodule", "effusion")


def drawn(seed, images=60, *, ties=False):
    """Reference and predicted boxes of three findings; images of 400 px."""
    rng = np.random.default_rng(seed)
    count = rng.poisson(1.6, images)
    row = np.repeat(np.arange(images), count)
    corner, side = rng.uniform(0, 300, (len(row), 2)), rng.uniform(15, 100, (len(row), 2))
    finding = text(rng.choice(KEYS, len(row)))
    reference = Boxes(row, finding, np.hstack([corner, side]), np.ones(images, bool))
    near = rng.random(len(row)) < 0.7
    twice = near & (rng.random(len(row)) < 0.3)
    at = np.concatenate([np.flatnonzero(near), np.flatnonzero(twice)])
    moved = reference.xywh[at] + rng.normal(0, 7, (len(at), 4))
    false = rng.poisson(1.2, images)
    other = np.repeat(np.arange(images), false)
    stray = np.hstack([rng.uniform(0, 300, (len(other), 2)), rng.uniform(15, 100, (len(other), 2))])
    xywh = np.vstack([moved, stray])
    xywh[:, 2:] = np.maximum(xywh[:, 2:], 5)
    score = np.concatenate([rng.beta(3, 2, len(at)), rng.beta(2, 3, len(other))])
    score = np.round(score, 1) if ties else score
    kinds = np.concatenate([reference.finding[at], text(rng.choice(KEYS, len(other)))])
    rows = np.concatenate([reference.row[at], other])
    return reference, PredictedBoxes(rows, kinds, xywh, score)


def only(predicted, kept):
    return PredictedBoxes(
        *(getattr(predicted, n)[kept] for n in ("row", "finding", "xywh", "score"))
    )
