"""Which learning rate to begin with: train a little while it rises, and look at the loss."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hilum.errors import RunError

DIVERGED = 4.0
"""The sweep stops where the loss is this many times the smallest smoothed one so far."""

MEDIAN = 5
"""Steps whose median takes the place of each loss: a single odd batch moves nothing."""

SHARE = 10
"""The mean is then taken over this part of the sweep, 1 / SHARE, and over MEDIAN at least."""

NOISE = 3.0
"""How many standard errors the smoothed loss must fall by before a rate is suggested."""

LEAST = 20
"""Steps of a sweep that can be judged."""


@dataclass(frozen=True, slots=True)
class Curve:
    """The loss over a rising learning rate.

    Attributes:
        rates: of the steps made, rising.
        losses: before each of them; the last may be infinite or NaN.
        smoothed: the same without noise.
        steepest: rate at which the smoothed loss falls fastest over the logarithm of the rate,
            before its minimum; None where it does not fall.
        tenth: a tenth of the rate with the smallest smoothed loss; None likewise.
        suggested: the smaller of both; None where there is none, and ``reason`` says why.
        reason: why no rate is suggested; "".
        diverged: whether the loss had risen so far that the sweep was stopped.
    """

    rates: tuple[float, ...]
    losses: tuple[float, ...]
    smoothed: tuple[float, ...]
    steepest: float | None
    tenth: float | None
    suggested: float | None
    reason: str
    diverged: bool

    def to_json(self) -> str:
        """Everything, as JSON; numbers that are none as null."""
        plain = asdict(self)
        for key in ("losses", "smoothed"):
            plain[key] = [x if math.isfinite(x) else None for x in plain[key]]
        return json.dumps(plain, allow_nan=False)

    def to_text(self, lines: int = 12) -> str:
        """A table of rate and smoothed loss, and the suggestion."""
        at = np.unique(np.linspace(0, len(self.smoothed) - 1, lines).round().astype(int)).tolist()
        rows = [f"{self.rates[i]:10.1e}  {self.smoothed[i]:.4f}" for i in at]
        end = "the loss ran away there" if self.diverged else "the sweep ended there"
        if self.suggested is None:
            said = f"No rate is suggested: {self.reason}."
        else:
            said = (
                f"Suggested: {self.suggested:.1e} (falls fastest at {self.steepest:.1e}, a tenth "
                f"of the smallest loss's rate is {self.tenth:.1e})."
            )
        return "\n".join(["      rate  loss", *rows, end, said])


def find_rate(
    step: Callable[[float], float], low: float = 1e-7, high: float = 1.0, steps: int = 100
) -> Curve:
    """Sweep the learning rate from low to high, a step a rate, in equal ratios.

    It changes the network, the optimiser and everything else that ``step`` changes, and puts
    nothing back: hand it a copy, or load the weights again.

    Args:
        step: makes one step of the optimiser at a rate on the next batch, and returns the training
            loss that it had before.
        low: first rate.
        high: last rate.
        steps: from the one to the other, 20 or more.

    Returns:
        The curve, up to where the loss ran away.

    Raises:
        RunError: the range is none, or the loss is no number from the beginning.

    Source: Smith 2017, section 3.3; where it falls fastest, and a tenth of the minimum, are the two
    rules that fastai suggests by.
    """
    if not 0 < low < high or steps < LEAST:
        raise RunError(
            f"A sweep goes from a small rate to a larger one in {LEAST} steps or more, not from "
            f"{low:g} to {high:g} in {steps}."
        )
    rates: list[float] = []
    losses: list[float] = []
    best = math.inf
    diverged = False
    for rate in np.geomspace(low, high, steps).tolist():
        rates.append(rate)
        losses.append(float(step(rate)))
        recent = float(np.median(losses[-MEDIAN:]))
        if not math.isfinite(losses[-1]) or recent > DIVERGED * best:
            diverged = True
            break
        if len(losses) >= MEDIAN:
            best = min(best, recent)
    finite = np.array([x for x in losses if math.isfinite(x)])
    if len(finite) == 0:
        raise RunError("The loss is no number at the smallest rate already; look at the images.")
    smoothed = smooth(finite)
    steepest, tenth, reason = _judge(np.array(rates[: len(finite)]), finite, smoothed)
    found = [rate for rate in (steepest, tenth) if rate is not None]
    return Curve(
        tuple(rates),
        tuple(losses),
        tuple(smoothed.tolist()),
        steepest,
        tenth,
        min(found) if found else None,
        reason,
        diverged,
    )


def smooth(losses: NDArray[np.float64]) -> NDArray[np.float64]:
    """A running median, then a running mean, both centred; at the ends over what there is."""
    return _running(_running(losses, MEDIAN, np.median), _width(len(losses)), np.mean)


def _width(steps: int) -> int:
    return max(MEDIAN, steps // SHARE) | 1


def _running(
    values: NDArray[np.float64], width: int, of: Callable[[NDArray[np.float64]], Any]
) -> NDArray[np.float64]:
    reach = width // 2
    windows = [values[max(0, at - reach) : at + reach + 1] for at in range(len(values))]
    return np.array([of(window) for window in windows], np.float64)


def _judge(
    rates: NDArray[np.float64], losses: NDArray[np.float64], smoothed: NDArray[np.float64]
) -> tuple[float | None, float | None, str]:
    if len(losses) < LEAST:
        return None, None, f"the loss ran away within {len(losses)} steps; begin lower"
    lowest = int(np.argmin(smoothed))
    width = _width(len(losses))
    # The median's error is 1.25 times the mean's; a difference has that of both its ends.
    error = 1.4826 * float(np.median(np.abs(losses - smoothed))) * 1.25 * math.sqrt(2 / width)
    fall = float(np.median(losses[:width]) - smoothed[lowest])
    if lowest < width or fall <= max(NOISE * error, 1e-12):
        reason = "the loss does not fall by more than its noise"
        return None, None, f"{reason}; go higher, take more steps or larger batches"
    # At both ends windows are cut off and slopes are not those of the curve.
    slope = np.gradient(smoothed, np.log(rates))[width // 2 : lowest + 1]
    steepest = float(rates[width // 2 + int(np.argmin(slope))])
    return steepest, float(rates[lowest]) / 10, ""
