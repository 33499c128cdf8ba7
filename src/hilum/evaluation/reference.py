"""What scores are measured against: the targets, and who each image is of."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from hilum.errors import EvaluationError
from hilum.evaluation import inputs


@dataclass(frozen=True, slots=True, eq=False)
class Reference:
    """Targets of images, checked once; made by :meth:`of`.

    Attributes:
        targets: bool [images, findings]; of no meaning where the mask is False.
        mask: True where a cell counts, bool [images, findings].
        patients: number of the patient, 0 to patients − 1, [images].
        strata: number of the stratum, [images]; None without strata.
        findings: names, one a column.
    """

    targets: NDArray[np.bool_]
    mask: NDArray[np.bool_]
    patients: NDArray[np.int64]
    strata: NDArray[np.int64] | None
    findings: tuple[str, ...]

    @classmethod
    def of(
        cls,
        targets: ArrayLike,
        patients: ArrayLike,
        *,
        mask: ArrayLike | None = None,
        strata: ArrayLike | None = None,
        findings: Sequence[str] = (),
    ) -> Reference:
        """Make a reference.

        Args:
            targets: 0 or 1, [images, findings] or [images] for one finding.
            patients: who the image is of, [images]; ``range(n)`` where every image is of another.
            mask: True where a cell counts, shape of targets; all of them without.
            strata: source, road or hospital of the image, [images].
            findings: names; "finding 0" and so on without.

        Raises:
            EvaluationError: shapes that differ, or a target other than 0 and 1 in a cell that
                counts.
        """
        raw = inputs.table(targets, "targets")
        n, f = raw.shape
        counts = np.ones((n, f), np.bool_)
        if mask is not None:
            counts = inputs.zero_one(inputs.table(mask, "mask", (n, f)), "mask")
        names = tuple(findings) or tuple(f"finding {i}" for i in range(f))
        if len(names) != f:
            raise EvaluationError(f"{len(names)} findings are named, targets have {f} columns")
        return cls(
            targets=inputs.zero_one(raw, "targets", counts),
            mask=counts,
            patients=inputs.codes(patients, "patients", n),
            strata=None if strata is None else inputs.codes(strata, "strata", n),
            findings=names,
        )

    @property
    def groups(self) -> int:
        """Number of patients."""
        return int(self.patients.max(initial=-1)) + 1

    def scores(self, scores: ArrayLike, name: str = "scores") -> NDArray[np.float64]:
        """Scores checked against this reference.

        Args:
            scores: finite where a cell counts, [images, findings] or [images] for one finding.
            name: what to call them in a message.

        Returns:
            float64 [images, findings].

        Raises:
            EvaluationError: another shape, or NaN or infinity in a cell that counts.
        """
        shape = (self.targets.shape[0], self.targets.shape[1])
        values = inputs.table(scores, name, shape)
        inputs.finite(values, name, self.mask)
        return values
