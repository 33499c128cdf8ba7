"""Tasks: what the numbers of a network stand for, and how they become log-odds of findings."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from hilum.errors import RecipeError
from hilum.models import grades

Kind = Literal["multi-label", "binary", "one-of", "ordinal"]
EXCLUSIVE = frozenset({"one-of", "ordinal"})
"""Kinds of which every radiograph has exactly one finding."""


@dataclass(frozen=True, slots=True)
class Task:
    """What a network learns to say of some findings.

    Attributes:
        kind: "multi-label": each finding by itself; "binary": one finding; "one-of": exactly one of
            them on every radiograph; "ordinal": likewise, and they are grades that rise.
        findings: keys, one a column of the targets; for "ordinal" from the lowest grade up.

    Raises:
        RecipeError: the number of findings does not fit the kind, or one stands twice.
    """

    kind: Kind
    findings: tuple[str, ...]

    def __post_init__(self) -> None:
        count = len(self.findings)
        fits, wanted = {
            "multi-label": (count >= 1, "at least one finding"),
            "binary": (count == 1, "exactly one finding"),
            "one-of": (count >= 2, "at least two findings"),
            "ordinal": (count >= 2, "at least two grades"),
        }[self.kind]
        if not fits:
            raise RecipeError(f"A task of kind {self.kind!r} needs {wanted}, got {count}.")
        twice = [key for key, n in Counter(self.findings).items() if n > 1]
        if twice:
            raise RecipeError(f"A task names {', '.join(twice[:3])} twice; name each once.")

    @property
    def outputs(self) -> int:
        """Numbers that the network gives: one a finding; one fewer for "ordinal"."""
        return len(self.findings) - (self.kind == "ordinal")

    @property
    def is_linear(self) -> bool:
        """Whether the log-odds are sums of outputs, so that maps of evidence stay exact."""
        return self.kind not in EXCLUSIVE or len(self.findings) == 2

    def arranged(self, free: Tensor) -> Tensor:
        """Raw outputs from the free numbers [batch, outputs] of a head.

        For "ordinal" those are cumulative logits, made to fall from grade to grade.
        """
        return grades.cumulative(free) if self.kind == "ordinal" else free

    def log_odds(self, raw: Tensor) -> Tensor:
        """Log-odds [batch, findings]: their sigmoid is the probability of each finding.

        Args:
            raw: [batch, outputs], float. "one-of": logits of a softmax. "ordinal": logits of
                P(grade > k), falling.
        """
        if self.kind == "one-of":
            return raw - torch.logsumexp(raw[:, _others(raw.shape[1])], 2)
        return grades.log_odds(raw) if self.kind == "ordinal" else raw

    def log_odds_of_free(self, free: Tensor) -> Tensor:
        """The log-odds of :meth:`arranged` numbers, as exact as single precision allows."""
        if self.kind == "ordinal":
            return grades.log_odds(grades.cumulative(free), grades.distances(free))
        return self.log_odds(free)

    def slopes(self, free: Tensor) -> Tensor:
        """How the log-odds change with the free numbers: [batch, findings, outputs]."""
        count = len(self.findings)
        if self.kind == "one-of":
            others = _others(count)
            share = torch.softmax(free[:, others], 2)  # of the others, without this one
            columns = torch.nn.functional.one_hot(torch.tensor(others), count).to(share)
            return torch.eye(count).to(share) - torch.einsum("bko,koj->bkj", share, columns)
        if self.kind == "ordinal":
            return grades.slopes(free)
        return torch.eye(count).to(free).expand(len(free), -1, -1)

    def known(self, targets: NDArray[np.float32], mask: NDArray[np.bool_]) -> NDArray[np.bool_]:
        """Which rows the task can learn from: bool [rows].

        "multi-label" and "binary" learn from every cell that counts. The others need exactly one
        finding known to be present: softmax gives probabilities that sum to one, and cannot fit a
        row that sums to zero or two. The rest of such a row may be unknown; it must be absent.

        Args:
            targets: [rows, findings], 0 to 1.
            mask: which cells count, [rows, findings].
        """
        if self.kind not in EXCLUSIVE:
            return np.asarray(mask.any(1))
        return np.asarray(((targets > 0.5) & mask).sum(1) == 1)

    def start(self, targets: NDArray[np.float32], mask: NDArray[np.bool_]) -> Tensor:
        """Free numbers at which a network gives every radiograph the frequencies of these rows.

        So that first steps do not teach the backbone mere frequencies. Counts are raised by one
        (Laplace's rule), so that a finding without an example has finite log-odds.

        Args:
            targets: of the training rows, [rows, findings].
            mask: which cells count, [rows, findings].

        Returns:
            float32 [outputs].
        """
        if self.kind not in EXCLUSIVE:
            positives = (targets * mask).sum(0, dtype=np.float64)
            share = (positives + 1) / (mask.sum(0) + 2)
            return torch.tensor(np.log(share / (1 - share)), dtype=torch.float32)
        rows = self.known(targets, mask)
        counts = ((targets[rows] > 0.5) & mask[rows]).sum(0) + 1.0
        share = counts / counts.sum()
        if self.kind == "one-of":
            return torch.tensor(np.log(share), dtype=torch.float32)
        return grades.start(share)


def _others(count: int) -> list[list[int]]:
    return [[j for j in range(count) if j != i] for i in range(count)]
