"""Tables and vectors drawn for audits: small, with a known answer."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from hilum.audit import Looks
from hilum.domain import LabelTable
from hilum.domain.labels import column_of
from hilum.domain.text import text


def table_of(
    states: Mapping[str, Sequence[int]],
    patients: Sequence[str] | None = None,
    **columns: Sequence[object],
) -> LabelTable:
    """A label table: key → states, other columns by name."""
    n = len(next(iter(states.values())))
    return LabelTable(
        images=text([f"image-{i}.png" for i in range(n)]),
        findings=tuple(states),
        states=np.array(list(states.values()), np.uint8).T.copy(),
        patients=text(patients or [f"patient-{i}" for i in range(n)]),
        columns={name: column_of(name, list(values)) for name, values in columns.items()},
    )


def looks_of(
    rng: np.random.Generator,
    features: np.ndarray | None = None,
    hidden: np.ndarray | None = None,
    border: np.ndarray | None = None,
) -> Looks:
    """Looks at every row of a table; what is not given is noise."""
    n = len(next(x for x in (features, hidden, border) if x is not None))

    def some(x: np.ndarray | None) -> np.ndarray:
        return (rng.normal(size=(n, 8)) if x is None else x).astype(np.float32)

    return Looks(
        rows=np.arange(n),
        border=some(border),
        network="drawn",
        features=some(features),
        lungs=np.ones(n, bool),
        hidden_features=some(hidden),
        reach=np.zeros(n, np.float32),
    )


def shifted(rng: np.random.Generator, by: np.ndarray, far: float = 2.0) -> np.ndarray:
    """Noise of eight numbers, one of them shifted where ``by`` is True."""
    x = rng.normal(size=(len(by), 8))
    x[:, 3] += far * by
    return x
