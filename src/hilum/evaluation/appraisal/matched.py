"""Rows that an appraisal is made of: predictions beside what they are measured against."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hilum.domain.text import Text
from hilum.errors import EvaluationError
from hilum.evaluation.appraisal.results import Input, Task
from hilum.evaluation.reference import Reference


@dataclass(frozen=True, slots=True, eq=False)
class Matched:
    """Images with a reference and a prediction, a row each, tested and tuned on.

    Attributes:
        title: of the predictions.
        images: names, [images].
        patients: who each image is of, text [images].
        findings: keys, one a column.
        names: as findings are displayed.
        targets: reference, bool [images, findings]; of no meaning where the mask is False.
        mask: cells with a known reference and a prediction, [images, findings].
        scores: float64 [images, findings]; finite where the mask is True.
        tested: rows that are measured, bool [images].
        tuned: rows that thresholds are fixed on, bool [images]; none of them is tested.
        probabilities: whether scores are probabilities in [0, 1].
        task: "one-of" where exactly one finding of all is present on every row.
        attributes: column → value of every row: text, or float64 for "age_years" and "days"
            (NaN unknown).
        within: column whose values the AUROC within strata keeps apart; "" for none.
        thresholds: finding → operating point of the bundle's card.
        training: finding → images with it that the model learnt from; empty where not known.
        how: which rows are tested, in words.
        other: scores of another model, [images, findings], NaN where it has none; None without.
        other_name: of it.
        event: whether the event came at ``attributes["days"]``: 1 yes, 0 not until then (censored),
            -1 unknown, [images]; None without survival.
        risk: finding whose score is taken as the risk of the event; "" without survival.
        warnings: what makes numbers misleading.
        notes: what was left out or assumed.
        inputs: files that went in.
    """

    title: str
    images: Text
    patients: Text
    findings: tuple[str, ...]
    names: tuple[str, ...]
    targets: NDArray[np.bool_]
    mask: NDArray[np.bool_]
    scores: NDArray[np.float64]
    tested: NDArray[np.bool_]
    tuned: NDArray[np.bool_]
    probabilities: bool = True
    task: Task = "multi-label"
    attributes: Mapping[str, NDArray[Any]] = field(default_factory=dict[str, NDArray[Any]])
    within: str = ""
    thresholds: Mapping[str, float] = field(default_factory=dict[str, float])
    training: Mapping[str, int] = field(default_factory=dict[str, int])
    how: str = ""
    other: NDArray[np.float64] | None = None
    other_name: str = ""
    event: NDArray[np.int8] | None = None
    risk: str = ""
    warnings: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    inputs: tuple[Input, ...] = ()

    def __post_init__(self) -> None:
        shape = (len(self.images), len(self.findings))
        for name in ("targets", "mask", "scores"):
            if getattr(self, name).shape != shape:
                raise EvaluationError(f"{name} must have shape {list(shape)}")
        if (self.tested & self.tuned).any():
            raise EvaluationError("rows are both tested and tuned on")
        if not self.tested.any():
            raise EvaluationError("no row is tested")
        if not np.isfinite(self.scores[self.mask]).all():
            raise EvaluationError("scores are not finite in cells that count")

    def reference(self, rows: NDArray[np.bool_], *, strata: bool = False) -> Reference:
        """The reference of some rows, patients numbered among them.

        Args:
            rows: bool [images].
            strata: with the values of :attr:`within`.
        """
        return Reference.of(
            self.targets[rows],
            self.patients[rows].astype(str),
            mask=self.mask[rows],
            strata=self.attributes[self.within][rows].astype(str) if strata else None,
            findings=self.names,
        )
