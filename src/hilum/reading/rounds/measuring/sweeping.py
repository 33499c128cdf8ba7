"""A sweep: every arm on the same rows, weights out of fold, and whether spread tells doubt."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from hilum.reading.rounds.joining import VOTES_TO_WIN, Join, join
from hilum.reading.rounds.measuring.arms import Arm, arms
from hilum.reading.rounds.measuring.judging import (
    Judged,
    abstention,
    judge,
    threshold_of,
    tune_auroc,
)
from hilum.reading.rounds.measuring.numbers import (
    Numbers,
    of_abstention,
    of_judged,
    of_run,
)
from hilum.reading.rounds.measuring.rows import Rows
from hilum.reading.rounds.measuring.seeing import Eye, Tell, see
from hilum.reading.rounds.measuring.store import LookStore, key
from hilum.reading.rounds.measuring.weights import FOLDS, learn
from hilum.reading.rounds.plan import OTHERS, Plan
from hilum.transforms.rounds import Chain, RoundSet

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class Told:
    """What the network says of one finding on some rows, from the store.

    Attributes:
        eye: what looked.
        rows: tune and test.
        store: with every chain that is asked for.
        finding: key.
    """

    eye: Eye
    rows: Rows
    store: LookStore
    finding: str

    def look(self, chain: Chain) -> Floats:
        """Probabilities of one look, [rows]."""
        digests = [picture.digest for picture in self.rows.pictures]
        return self.eye.probabilities(self.store.logits(key(chain), digests), self.finding)

    def rounds(self, own: RoundSet) -> Floats:
        """Probabilities of each round, [rows, rounds]."""
        return np.stack([self.look(chain) for chain in own.chains], axis=1)

    def joined(
        self, own: RoundSet, how: Join, threshold: float, weights: Floats | None = None
    ) -> Floats:
        """Rounds put together, [rows]."""
        values = self.rounds(own)[:, :, None]
        return join(values, how, thresholds=[threshold], weights=weights).probability[:, 0]


@dataclass(frozen=True, slots=True)
class Options:
    """What a sweep or a search is told.

    Attributes:
        samples: draws of patients behind every interval.
        seed: of draws, folds and the search.
        workers: pictures at a time.
        population: plans a generation of a search.
        generations: how many it has.
    """

    samples: int = 2000
    seed: int = 0
    workers: int = 1
    population: int = 16
    generations: int = 8


def sweep(
    asked: Told,
    options: Options,
    *,
    tell: Tell = lambda step, done, total: None,
    stop: Callable[[], bool] = lambda: False,
) -> tuple[Numbers, dict[str, Plan]]:
    """Try every arm of :func:`hilum.reading.rounds.measuring.arms.arms`.

    Args:
        asked: what looks at which rows for which finding; it must have learnt from none of them.
        options: draws, seed, workers.
        tell: told "look" and "judge", how many are done, and of how many.
        stop: asked between pictures.

    Returns:
        All numbers, and plans whose weights were learnt, by name.

    Raises:
        Stopped: it was asked to stop.
        LabelError: too few patients are left of those that could be read.
    """
    eye, rows, store, finding = asked.eye, asked.rows, asked.store, asked.finding
    tried = arms()
    chains = list({key(chain): chain for arm in tried for chain in arm.chains}.values())
    unseen = see(eye, rows.pictures, chains, store, workers=options.workers, tell=tell, stop=stop)
    rows = _without(rows, unseen, finding)
    told = Told(eye, rows, store, finding)
    plain = told.look(())
    point = threshold_of(rows, plain)
    found: list[Numbers] = []
    for at, arm in enumerate(tried, 1):
        found.append(_arm(arm, *_values(told, arm, point), told, plain, options))
        tell("judge", at, len(tried))
    plans: dict[str, Plan] = {}
    sets = list(dict.fromkeys(arm.plan.rounds for arm in tried if arm.group == "rounds"))
    for own in sets:
        arm, values = _weighted(told, own, options)
        plans[f"{own.name}-weighted"] = arm.plan
        found.append(_arm(arm, values, None, told, plain, options))
    test = ~rows.tune
    share = float(rows.present[test].mean())
    return {
        "kind": "sweep",
        **of_run(eye, rows, finding, unseen),
        "samples": options.samples,
        "seed": options.seed,
        "commoner": max(share, 1 - share),
        "arms": found,
        "weights": {name: plan.weights[finding] for name, plan in plans.items()},
        "abstention": [one for own in sets for one in _abstaining(told, own, point)],
    }, plans


def _values(told: Told, arm: Arm, point: float) -> tuple[Floats, float | None]:
    """An arm's probabilities, and its threshold where that is no matter of choosing."""
    own, how = arm.plan.rounds, arm.plan.join
    if arm.group != "rounds":
        return told.look(own.chains[0]), None
    return told.joined(own, how, point), (VOTES_TO_WIN if how == "vote" else None)


def _arm(
    arm: Arm,
    values: Floats,
    threshold: float | None,
    told: Told,
    plain: Floats,
    options: Options,
) -> Numbers:
    found: Judged = judge(
        told.rows, values, plain, threshold=threshold, samples=options.samples, seed=options.seed
    )
    head = {"group": arm.group, "name": arm.name, "about": arm.about}
    return head | {"looks": len(arm.chains), "join": arm.plan.join, **of_judged(found)}


def _weighted(told: Told, own: RoundSet, options: Options) -> tuple[Arm, Floats]:
    """Weights learnt on the tune rows; those rows are judged by weights of other patients."""
    rows, tune = told.rows, told.rows.tune
    rng = np.random.default_rng(options.seed)
    learnt = learn(
        told.rounds(own)[tune], rows.present[tune], rows.patients[tune], rng=rng, folds=FOLDS
    )
    weights = np.array(learnt.weights)
    values = told.joined(own, "weighted", 0.5, weights)
    values[tune] = learnt.out_of_fold
    equal = tuple(1.0 for _ in own.rounds)
    rounded = tuple(round(weight, 6) for weight in learnt.weights)
    about = f"{own.about} Weights learnt for {told.finding} on {int(tune.sum())} images."
    plan = Plan(
        replace(own, name=f"{own.name}-weighted", about=about),
        "weighted",
        weights={told.finding: rounded, OTHERS: equal},
        operating_points={told.finding: threshold_of(rows, values)},
    )
    return Arm("rounds", f"{own.name}, weighted", plan, own.about), values


def _abstaining(told: Told, own: RoundSet, point: float) -> list[Numbers]:
    """Doubt by the spread of the rounds, against doubt by the distance from the threshold."""
    rows = told.rows
    values = told.rounds(own)
    mean = values.mean(axis=1)
    threshold = threshold_of(rows, mean)
    wrong = (mean >= threshold) != rows.present
    split = np.abs((values >= point).mean(axis=1) - 0.5)
    found = [
        abstention(rows, values.std(axis=1), wrong, by="spread of the rounds"),
        abstention(rows, -split, wrong, by="share of rounds outvoted"),
        abstention(rows, -_distance(mean, threshold), wrong, by="nearness to the threshold"),
    ]
    return [{"set": own.name, **of_abstention(one)} for one in found]


def _distance(values: Floats, threshold: float) -> Floats:
    clipped = np.clip(values, 1e-12, 1 - 1e-12)
    return np.abs(np.log(clipped / (1 - clipped)) - np.log(threshold / (1 - threshold)))


def _without(rows: Rows, unseen: dict[str, str], finding: str) -> Rows:
    kept = rows.keep(np.array([picture.name not in unseen for picture in rows.pictures]))
    kept.check(finding)
    return kept


def tune_score(told: Told, plan: Plan) -> float:
    """AUROC of a plan on the tune rows."""
    return tune_auroc(told.rows, told.joined(plan.rounds, plan.join, 0.5))
