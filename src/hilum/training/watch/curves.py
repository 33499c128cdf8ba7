"""Accidents that losses show, step by step and epoch by epoch."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from hilum.training.watch.outputs import Accident

RISE = 0.05
"""Rise of the tuning loss, in parts of the loss of chance, from which it is told."""

FALL = 0.02
"""Fall of the training loss, in the same parts, that is one."""

TOO_HIGH = 2.0
"""A training loss so many times that of chance, or of a better epoch, has left the road."""

NEAR_CHANCE = (0.98, 1.5)
"""Training losses in these parts of the loss of chance have learnt nothing."""


def overfitting(
    train: Sequence[float],
    tune: Sequence[float],
    *,
    patience: int,
    scale: float,
    first: int = 0,
    told: bool = False,
) -> Accident | None:
    """Whether the tuning loss rises while the training loss falls.

    The means of the last ``patience`` epochs are compared with those of the ``patience`` epochs in
    which the tuning loss was lowest.

    Args:
        train: training losses, one an epoch.
        tune: tuning losses, one an epoch.
        patience: epochs.
        scale: loss of chance, or of the beginning; > 0.
        first: the epoch of the first loss.
        told: it was found before; it is over only when the rise is less than half of what it took.
    """
    if len(tune) < 2 * patience:
        return None
    window = np.ones(patience) / patience
    tuned, trained = np.convolve(tune, window, "valid"), np.convolve(train, window, "valid")
    best = int(tuned.argmin())
    rise, fall = tuned[-1] - tuned[best], trained[best] - trained[-1]
    if (
        rise <= (RISE / 2 if told else RISE) * scale
        or fall <= FALL * scale
        or len(tuned) - 1 - best < patience
    ):
        return None
    lowest = int(np.argmin(tune))
    if train[-1] >= train[lowest]:
        return None
    return Accident(
        "overfitting",
        f"The tuning loss rises while the training loss falls: since epoch {first + lowest} the "
        f"one went from {tune[lowest]:.4g} to {tune[-1]:.4g}, the other from {train[lowest]:.4g} "
        f"to {train[-1]:.4g}.",
        size=float(rise / scale),
        since=first + lowest + 1,
    )


def diverging(
    train: Sequence[float], *, start: float, largest: float, gradient: float | None
) -> Accident | None:
    """Whether the training loss has gone far above where it began, or where it had come to.

    Args:
        train: training losses, one an epoch, the last to be judged.
        start: loss of chance, or of the first steps; > 0.
        largest: loss of a step in the last epoch.
        gradient: largest norm of a gradient in that epoch; None where it is not known.
    """
    now, lowest = train[-1], min(train)
    above = now > TOO_HIGH * start
    if not above and not (now > TOO_HIGH * lowest and now > 0.5 * start):
        return None
    than = f"{start:.4g} at the start" if above else f"{lowest:.4g} in a better epoch"
    norm = "" if gradient is None else f", the largest gradient {gradient:.3g}"
    return Accident(
        "diverging",
        f"The training loss is {now:.4g}, against {than}; the largest of a step was "
        f"{largest:.4g}{norm}. The learning rate is too large.",
        size=now / start,
    )


def stuck(
    train: Sequence[float], *, chance: float, patience: int, first: int = 0
) -> Accident | None:
    """Whether the training loss stays at that of always giving the frequencies.

    Args:
        train: training losses, one an epoch.
        chance: the recipe's loss when every image is given the frequencies; > 0.
        patience: epochs over which it must have stayed there.
        first: the epoch of the first loss.
    """
    low, high = NEAR_CHANCE
    last = train[-patience:]
    near = all(low * chance <= loss <= high * chance for loss in last)
    if len(last) < patience or not near or last[0] - last[-1] > FALL * chance:
        return None
    return Accident(
        "stuck",
        f"The training loss stays at {train[-1]:.4g}, in {patience} epochs; giving every image the "
        f"mere frequencies has {chance:.4g}.",
        since=first + len(train) - patience,
    )
