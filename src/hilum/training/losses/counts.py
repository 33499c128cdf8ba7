"""How often findings occur in the training rows, and the weights that follow from that."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from hilum.errors import RecipeError

Weights = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Counts:
    """How many training rows hold a finding, and how many are known not to.

    Attributes:
        positives: a number a finding.
        negatives: likewise.
        findings: their keys, for messages; () where there are none.
    """

    positives: tuple[float, ...]
    negatives: tuple[float, ...]
    findings: tuple[str, ...] = ()

    @classmethod
    def of(
        cls,
        targets: NDArray[np.floating],
        mask: NDArray[np.bool_],
        findings: Sequence[str],
        *,
        exclusive: bool = False,
    ) -> Counts:
        """Count what is known.

        Args:
            targets: [rows, K], 0 or 1.
            mask: [rows, K].
            findings: keys.
            exclusive: for tasks one-of and ordinal: only rows in which just one is present.
        """
        there = np.asarray(mask) > 0
        if exclusive:
            whole = there.all(1) & (np.where(there, targets, 0).sum(1) == 1)
            there = there & whole[:, None]
        present = np.where(there, targets, 0).sum(0)
        absent = there.sum(0) - present
        return cls(tuple(present.tolist()), tuple(absent.tolist()), tuple(findings))

    def present(self, why: str) -> Weights:
        """Positives a finding, of which each has one at least.

        Args:
            why: what needs them, for the message.

        Raises:
            RecipeError: a finding has none.
        """
        return self._some(self.positives, why, "present")

    def absent(self, why: str) -> Weights:
        """Negatives a finding, of which each has one at least.

        Raises:
            RecipeError: a finding has none.
        """
        return self._some(self.negatives, why, "absent")

    def _some(self, numbers: tuple[float, ...], why: str, what: str) -> Weights:
        names = self.findings or tuple(f"number {at + 1}" for at in range(len(numbers)))
        without = [name for name, n in zip(names, numbers, strict=True) if n <= 0]
        if without:
            more = f" and {len(without) - 5} more" if len(without) > 5 else ""
            raise RecipeError(
                f"{why} weighs findings by how often they are {what}, and in the training rows "
                f"{', '.join(without[:5])}{more} never {'is' if len(without) == 1 else 'are'}; "
                f"leave such findings out, or choose a loss without counts."
            )
        return np.asarray(numbers, np.float64)


def balanced(counts: Counts) -> tuple[Weights, Weights]:
    """Weights (present, absent) that give both the same sum: N / P, and 1."""
    present = counts.absent("weighted-bce") / counts.present("weighted-bce")
    return present, np.ones_like(present)


def inverse_frequency(counts: Counts) -> tuple[Weights, Weights]:
    """Weights (present, absent) (P + N) / P and (P + N) / N.

    Source: Wang et al. 2017, eq. 1, which counts in the batch over all findings; here the training
    rows of each finding are counted.
    """
    present, absent = counts.present("weighted-bce"), counts.absent("weighted-bce")
    return (present + absent) / present, (present + absent) / absent


def effective_number(n: ArrayLike, beta: float) -> Weights:
    """Effective number of n examples, (1 - beta^n) / (1 - beta); 1 for beta 0, n towards beta 1.

    Source: Cui et al. 2019, proposition 1.
    """
    count = np.asarray(n, np.float64)
    if beta == 0:
        return np.ones_like(count)
    return np.expm1(count * np.log(beta)) / (beta - 1)


def balanced_by_effective_number(numbers: Weights, beta: float, axis: int = 0) -> Weights:
    """Weights 1 / effective number, scaled so that those of all classes have a mean of 1.

    Args:
        numbers: examples a class, at least 1 each.
        beta: of the effective number.
        axis: along which the classes lie.

    Source: Cui et al. 2019, section 4.
    """
    weights = 1 / effective_number(numbers, beta)
    return weights / weights.mean(axis, keepdims=True)
