"""How much a bundle's predictions differ between visits on which a finding has the same label."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hilum.domain import Prediction, State, View
from hilum.errors import VisitError
from hilum.reading.visits.changes import Kind, compare, log_odds, same_view
from hilum.reading.visits.spread import Limit, Spread
from hilum.reading.visits.visit import NotCompared, Visit

SHARE = 0.95
"""Of the pairs with the same label: one in twenty changes by more, one in forty upwards."""

LEAST_PATIENTS = 20
"""Of fewer, no limit is told."""

DRAWS = 1000
LABELS = {
    (State.ABSENT, State.ABSENT): "absent, absent",
    (State.ABSENT, State.PRESENT): "absent, present",
    (State.PRESENT, State.ABSENT): "present, absent",
    (State.PRESENT, State.PRESENT): "present, present",
}


@dataclass(frozen=True, slots=True, eq=False)
class Judged:
    """Radiographs of patients who came more than once, and what was said of them.

    Attributes:
        visits: one a radiograph, the visits of a patient in the order of time.
        patients: of whom, one a radiograph.
        states: uint8 [radiographs, findings], the labels, in the order of the predictions.
    """

    visits: Sequence[Visit]
    patients: Sequence[str]
    states: NDArray[np.uint8]

    def __post_init__(self) -> None:
        wanted = (len(self.visits), len(self.visits[0].predictions) if self.visits else 0)
        if self.states.shape != wanted or len(self.patients) != wanted[0] or not wanted[0]:
            raise VisitError(
                f"visits, patients and labels do not fit: {wanted[0]} visits of {wanted[1]} "
                f"findings, {len(self.patients)} patients, labels {list(self.states.shape)}."
            )


def pairs_of(patients: Sequence[str]) -> NDArray[np.int64]:
    """Each radiograph with the one before of the same patient, int [pairs, 2]."""
    last: dict[str, int] = {}
    pairs: list[tuple[int, int]] = []
    for at, patient in enumerate(patients):
        if patient in last:
            pairs.append((last[patient], at))
        last[patient] = at
    return np.array(pairs, np.int64).reshape(-1, 2)


def measure(judged: Judged, scores: str, *, source: str, seed: int) -> Spread:
    """Limits of every finding, and what the rule says of the same pairs.

    Every patient counts alike, however many pairs there are of one.

    Args:
        judged: predictions by networks that learnt nothing of these patients.
        scores: :func:`hilum.reading.visits.spread.scores_digest` of the bundle.
        source: whose pairs, which networks, in words.
        seed: of the drawing of patients for intervals.
    """
    found = _Pairs.of(judged)
    rng = np.random.default_rng(seed)
    draws = rng.multinomial(found.people, np.full(found.people, 1 / found.people), DRAWS)
    same, other = (_limits(found, alike, draws) for alike in (True, False))
    checked = _checked(found, judged)
    return Spread(judged.visits[-1].bundle, scores, SHARE, source, same, other, checked)


@dataclass(frozen=True, slots=True, eq=False)
class _Pairs:
    """int [pairs, 2], patient number of each, rise of log-odds and labels [pairs, findings]."""

    index: NDArray[np.int64]
    who: NDArray[np.int64]
    rise: NDArray[np.float64]
    same: NDArray[np.bool_]
    view: NDArray[np.bool_]
    keys: tuple[str, ...]

    @property
    def people(self) -> int:
        return int(self.who.max()) + 1

    @classmethod
    def of(cls, judged: Judged) -> _Pairs:
        index = pairs_of(judged.patients)
        if not len(index):
            raise VisitError("No patient came more than once: nothing can be measured.")
        odds = np.array([[log_odds(p.probability) for p in v.predictions] for v in judged.visits])
        first, second = judged.states[index[:, 0]], judged.states[index[:, 1]]
        said = np.isin(first, (State.ABSENT, State.PRESENT))
        _, who = np.unique(
            np.array([judged.patients[at] for at in index[:, 0]]), return_inverse=True
        )
        view = [same_view(judged.visits[a].view, judged.visits[b].view) for a, b in index]
        return cls(
            index,
            who.astype(np.int64),
            odds[index[:, 1]] - odds[index[:, 0]],
            (first == second) & said,
            np.array(view, np.bool_),
            tuple(p.finding for p in judged.visits[0].predictions),
        )


def _limits(found: _Pairs, alike: bool, draws: NDArray[np.int64]) -> dict[str, Limit]:
    made: dict[str, Limit] = {}
    for at, key in enumerate(found.keys):
        counted = found.same[:, at] & (found.view == alike)
        who, rise = found.who[counted], np.abs(found.rise[counted, at])
        people = len(np.unique(who))
        if people < LEAST_PATIENTS:
            continue
        weight = 1 / np.bincount(who, minlength=found.people)[who]
        drawn = [_quantile(rise, weight * times[who]) for times in draws if times[who].any()]
        low, high = np.percentile(drawn, (2.5, 97.5))
        made[key] = Limit(
            _rounded(_quantile(rise, weight)), _rounded(low), _rounded(high), people, len(who)
        )
    return made


def _quantile(values: NDArray[np.float64], weight: NDArray[np.float64]) -> float:
    order = np.argsort(values, kind="stable")
    reached = np.cumsum(weight[order])
    return float(values[order][np.searchsorted(reached, SHARE * reached[-1])])


def _rounded(value: float) -> float:
    return float(f"{value:.4g}")


def _checked(found: _Pairs, judged: Judged) -> dict[str, Any]:
    """How often the rule says what, each patient judged by the limits of all others."""
    said: Counter[tuple[str, str]] = Counter()
    unchanged = moved = 0
    for person, same, other in _left_out(found):
        for a, b in found.index[found.who == person]:
            spread = Spread(judged.visits[b].bundle, "", SHARE, "", same, other, {})
            both = compare(judged.visits[a], judged.visits[b], spread)
            if isinstance(both, NotCompared):
                raise VisitError(f"Visits that are to be measured: {both.reasons[0].message}")
            kinds = [change.kind for change in both.changes]
            labels = [
                LABELS.get((State(x), State(y)))
                for x, y in zip(judged.states[a], judged.states[b], strict=True)
            ]
            said.update(
                (label, str(kind)) for label, kind in zip(labels, kinds, strict=True) if label
            )
            if all(x == y for x, y in zip(judged.states[a], judged.states[b], strict=True)):
                unchanged += 1
                moved += any(kind not in {Kind.UNCHANGED, Kind.UNDECIDED} for kind in kinds)
    table: dict[str, dict[str, int]] = {
        label: {str(kind): said[label, str(kind)] for kind in Kind} for label in LABELS.values()
    }
    return {
        "patients": found.people,
        "pairs": len(found.index),
        "pairs_of_equal_labels": unchanged,
        "of_these_with_a_change": moved,
        "said": table,
    }


def _left_out(found: _Pairs) -> Iterator[tuple[int, dict[str, Limit], dict[str, Limit]]]:
    """Limits without each patient in turn."""
    for person in range(found.people):
        rest = found.who != person
        limits: list[dict[str, Limit]] = []
        for alike in (True, False):
            made: dict[str, Limit] = {}
            for at, key in enumerate(found.keys):
                counted = rest & found.same[:, at] & (found.view == alike)
                who = found.who[counted]
                if len(np.unique(who)) < LEAST_PATIENTS:
                    continue
                weight = 1 / np.bincount(who, minlength=found.people)[who]
                value = _quantile(np.abs(found.rise[counted, at]), weight)
                made[key] = Limit(value, value, value, 0, 0)
            limits.append(made)
        yield person, limits[0], limits[1]


def as_toml(spread: Spread) -> str:
    """The file that :func:`hilum.reading.visits.spread.read_spread` reads."""
    lines = [
        "# Written by python -m scripts.visits_measure.",
        f'bundle = "{spread.bundle}"',
        f'scores = "{spread.scores}"',
        f"share = {spread.share}",
        f'source = "{spread.source}"',
    ]
    for name, limits in (("same_view", spread.same_view), ("other_views", spread.other_views)):
        lines += ["", f"[{name}]"]
        lines += [
            f"{key} = {{ log_odds = {it.log_odds}, low = {it.low}, high = {it.high}, "
            f"patients = {it.patients}, pairs = {it.pairs} }}"
            for key, it in limits.items()
        ]
    plain = {key: value for key, value in spread.checked.items() if key != "said"}
    lines += ["", "[checked]", *(f"{key} = {value}" for key, value in plain.items())]
    lines += ["", "[checked.said]"]
    said: Mapping[str, Mapping[str, int]] = spread.checked["said"]
    for label, row in said.items():
        cells = ", ".join(f"{kind} = {count}" for kind, count in row.items())
        lines.append(f'"{label}" = {{ {cells} }}')
    return "\n".join(lines) + "\n"


def predictions_of(
    keys: Sequence[str], probabilities: Sequence[float], operating_points: Sequence[float]
) -> tuple[Prediction, ...]:
    """Predictions from bare numbers; their logits are those of the probabilities."""
    return tuple(
        Prediction(key, log_odds(p), p, point)
        for key, p, point in zip(keys, probabilities, operating_points, strict=True)
    )


def visit_of(bundle: tuple[str, str], predictions: tuple[Prediction, ...], view: str) -> Visit:
    """A visit from bare facts: (name and version, digest), predictions, "PA" or "AP"."""
    known = View(view) if view in {"PA", "AP"} else View.UNKNOWN
    return Visit(bundle[1], bundle[0], bundle[1], predictions, known)
