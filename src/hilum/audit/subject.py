"""What is audited, and what the checks ask of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from hilum.audit.columns import Column
from hilum.datasets.exploration.codes import Codes
from hilum.domain import LabelTable, finding
from hilum.domain.labels import Policy
from hilum.domain.text import first_few
from hilum.errors import EvaluationError

if TYPE_CHECKING:
    from hilum.audit.leakage import Copies
    from hilum.audit.looking import Looks


@dataclass(frozen=True, slots=True, eq=False)
class Scores:
    """What a model said of a table's images.

    Attributes:
        name: of the model.
        findings: keys, one a column.
        values: float64 [images, findings], in the table's rows; NaN where there is no score.
        thresholds: key → from where on a finding is called present, on the scale of the values.
        probabilities: whether values lie in [0, 1] and mean probabilities.
    """

    name: str
    findings: tuple[str, ...]
    values: NDArray[np.float64]
    thresholds: Mapping[str, float] = field(default_factory=dict[str, float])
    probabilities: bool = True

    def __post_init__(self) -> None:
        if self.values.ndim != 2 or self.values.shape[1] != len(self.findings):
            raise EvaluationError(
                f"scores must have shape [images, {len(self.findings)}], got "
                f"{list(self.values.shape)}"
            )
        used = self.values[~np.isnan(self.values)]
        if np.isinf(used).any():
            raise EvaluationError("scores hold infinity; leave those images out.")
        if self.probabilities and used.size and (used.min() < 0 or used.max() > 1):
            raise EvaluationError(
                f"probabilities must lie in [0, 1], got {used.min():g} to {used.max():g}; say that "
                f"they are logits."
            )

    @property
    def scored(self) -> NDArray[np.bool_]:
        """Images with a score of any finding, [images]."""
        return np.asarray(~np.isnan(self.values).all(axis=1))

    def column(self, key: str) -> Column:
        """The scores of one finding.

        Raises:
            EvaluationError: the model has no such finding.
        """
        if key not in self.findings:
            raise EvaluationError(f"the model has no finding {key!r}; it has {self.findings}.")
        values = self.values[:, [self.findings.index(key)]]
        return Column(np.nan_to_num(values), ~np.isnan(values[:, 0]))


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Subject:
    """What is audited: labels, and whatever else there is.

    Attributes:
        title: what to call it.
        table: every image that was learnt from or is tested, with patients and columns.
        scores: of the model; None without any.
        earlier: of an earlier version of the model on the same images; None without one.
        train: rows that the model learnt from; None where unknown.
        test: rows that must share nothing with those; None where unknown.
        judged: rows that results are stated on; None for all that are scored, or looked at.
        source: column that tells where an image comes from.
        policy: what becomes of labels that are uncertain or not mentioned.
        findings: keys that are asked for; all that can be judged when empty.
        looks: what was seen of the pictures; None without pictures.
        copies: near-equal pictures across train and test; None where nobody looked.
        notes: what the reader must know besides.
    """

    title: str
    table: LabelTable
    scores: Scores | None = None
    earlier: Scores | None = None
    train: NDArray[np.int64] | None = None
    test: NDArray[np.int64] | None = None
    judged: NDArray[np.int64] | None = None
    source: str = "source"
    policy: Policy = field(default_factory=Policy)
    findings: tuple[str, ...] = ()
    looks: Looks | None = None
    copies: Copies | None = None
    notes: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        n = len(self.table)
        for name in ("scores", "earlier"):
            held = getattr(self, name)
            if held is not None and len(held.values) != n:
                raise EvaluationError(f"{name} are of {len(held.values)} images, the table of {n}")
        foreign = [key for key in self.findings if key not in self.table.findings]
        if foreign:
            raise EvaluationError(
                f"the table has no labels of {first_few(foreign)}; it has "
                f"{first_few(self.table.findings)}"
            )


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """How the audit is done.

    Attributes:
        samples: draws of patients behind every interval.
        level: confidence level.
        folds: parts, by patient, that a probe is fitted and judged on in turn.
        seeds: how often patients are dealt into folds anew; numbers are means over them.
        seed: of everything that is drawn.
    """

    samples: int = 2000
    level: float = 0.95
    folds: int = 5
    seeds: int = 3
    seed: int = 0

    def __post_init__(self) -> None:
        if self.folds < 2 or self.seeds < 1:
            raise EvaluationError(
                f"an audit needs at least 2 folds and 1 seed, got {self.folds} and {self.seeds}"
            )

    def rng(self) -> np.random.Generator:
        """The source of chance, the same for every number, so that the order does not matter."""
        return np.random.default_rng(self.seed)


@dataclass(frozen=True, slots=True, eq=False)
class Case:
    """The subject, made ready: what every check works on, in the table's rows.

    Attributes:
        subject: as given.
        options: as given.
        judged: bool [images], rows that results are stated on.
        patients: int64 [images], the patient's number.
        sources: the source of every row; None without the column, or with one value only.
        findings: keys that can be judged.
        targets: bool [images, findings].
        mask: bool [images, findings], where the target counts.
        model: key → the model's scores.
        model_name: where they come from; "" without any.
        whole: key → scores of a probe on the features of whole pictures, out of fold.
        hidden: key → the same with the lungs hidden.
        border: key → the same of the outer frame alone.
    """

    subject: Subject
    options: Options
    judged: NDArray[np.bool_]
    patients: NDArray[np.int64]
    sources: Codes | None
    findings: tuple[str, ...]
    targets: NDArray[np.bool_]
    mask: NDArray[np.bool_]
    model: Mapping[str, Column] = field(default_factory=dict[str, Column])
    model_name: str = ""
    whole: Mapping[str, Column] = field(default_factory=dict[str, Column])
    hidden: Mapping[str, Column] = field(default_factory=dict[str, Column])
    border: Mapping[str, Column] = field(default_factory=dict[str, Column])

    def rows(self, key: str, *columns: Column) -> NDArray[np.int64]:
        """Judged rows where a finding counts and every column has a score."""
        use = self.judged & self.mask[:, self.findings.index(key)]
        for column in columns:
            use = use & column.has
        return np.flatnonzero(use)

    def target(self, key: str) -> NDArray[np.bool_]:
        """Whether a finding is present, [images]; of no meaning where the mask is False."""
        return self.targets[:, self.findings.index(key)]

    def patients_of(self, key: str) -> tuple[int, int]:
        """Judged patients with a finding, and others without."""
        rows = self.rows(key)
        has = np.unique(self.patients[rows[self.target(key)[rows]]])
        return len(has), len(np.setdiff1d(self.patients[rows], has))


def name_of(key: str) -> str:
    """A finding's name."""
    return finding(key).name
