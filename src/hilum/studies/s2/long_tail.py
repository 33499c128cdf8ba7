"""The long-tailed task done right: losses, samplers, two stages, on a frozen network."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hilum.errors import Stopped
from hilum.evaluation import head_middle_tail
from hilum.evaluation.resampling import draws
from hilum.studies.linear_head import Rows, Way, learn, scaled
from hilum.studies.questions import Numbers
from hilum.studies.running import Bench
from hilum.studies.s2.rows import FOLDS, Twenty, load_twenty
from hilum.training.recipe.loss import BCE, LDAM, ClassBalanced, CrossEntropy, Focal
from hilum.training.recipe.sampling import All, Balanced, InverseFrequency, SquareRoot

SAMPLES = 2000
HEAD, TAIL = 100, 30
"""Images from which a class belongs to the head, below which to the tail. Holste et al. take 1,000
and 100 of 68,058 training images; here there are 1,379."""
Seen = Sequence[NDArray[np.float32]]
COMPONENTS = 64
"""Principal components of the 1,280 features that heads look at, as many as the audit's probes."""
HIDDEN = 128
"""Width of the layer that two stages need: with a single layer the second stage would be the first
with another sampling."""


@dataclass(frozen=True, slots=True)
class Arm:
    """One way to learn the long tail.

    Attributes:
        name: short.
        why: what it is.
        way: how the head learns; None for what needs no picture.
        adjust: the log of each class's share is taken off its log-odds.
    """

    name: str
    why: str
    way: Way | None = None
    adjust: bool = False


_CE = CrossEntropy()

ARMS = (
    Arm("majority", "Always *no finding*."),
    Arm("road", "The road by which the image came, no picture: classes weighted alike."),
    Arm("cross-entropy", "Softmax, all rows as they are.", Way(_CE, kind="one-of")),
    Arm("bce", "A sigmoid a class, the largest wins.", Way(BCE())),
    Arm("focal", "γ = 2.", Way(Focal(), kind="one-of")),
    Arm(
        "weighted",
        "Cross-entropy weighted by inverse frequency.",
        Way(CrossEntropy(weights="balanced"), kind="one-of"),
    ),
    Arm(
        "class-balanced",
        "Weighted by the effective number of examples, β = .99.",
        Way(ClassBalanced(beta=0.99), kind="one-of"),
    ),
    Arm(
        "ldam",
        "Margins that grow as a class gets rarer; cosines.",
        Way(LDAM(reweight_after=1), cosine=True, kind="one-of"),
    ),
    Arm(
        "ldam-drw",
        "The same, weights from four fifths of the epochs on.",
        Way(LDAM(), cosine=True, kind="one-of"),
    ),
    Arm(
        "balanced-subset",
        "S2's: as many images of each class as the rarest has, drawn once.",
        Way(_CE, Balanced(draw="once"), kind="one-of"),
    ),
    Arm(
        "square-root",
        "Classes drawn by the square root of their number.",
        Way(_CE, SquareRoot(), kind="one-of"),
    ),
    Arm(
        "inverse-frequency",
        "Classes drawn equally often.",
        Way(_CE, InverseFrequency(), kind="one-of"),
    ),
    Arm(
        "adjusted",
        "Cross-entropy; afterwards the log of each class's share is taken off.",
        Way(_CE, kind="one-of"),
        adjust=True,
    ),
    Arm("hidden", "One hidden layer, cross-entropy.", Way(_CE, hidden=HIDDEN, kind="one-of")),
    Arm(
        "two-stages",
        "The same; then the last layer anew, classes drawn equally often.",
        Way(_CE, All(), hidden=HIDDEN, second=InverseFrequency(), kind="one-of"),
    ),
)


def measure(bench: Bench, seeds: Sequence[int]) -> Numbers:
    """Every arm out of fold, with every seed; what is done is kept.

    Raises:
        Stopped: it was asked to; the same call goes on.
        LabelError: the data lack the labels.
    """
    data = load_twenty(bench)
    seen = features_of_folds(data)
    answers = {arm.name: _answers(arm, data, seen, bench, seeds) for arm in ARMS}
    return judge(data, answers, seeds)


def features_of_folds(data: Twenty) -> list[NDArray[np.float32]]:
    """What heads look at in each fold: principal components of its training rows, of all images."""
    return [
        scaled(data.features[data.fold != fold], data.features, COMPONENTS) for fold in range(FOLDS)
    ]


def _answers(
    arm: Arm, data: Twenty, seen: Seen, bench: Bench, seeds: Sequence[int]
) -> NDArray[np.int64]:
    """What each network said of the images held out, [seeds, images]."""
    if arm.way is None:
        seeds = seeds[:1]  # nothing of chance in it
    found = []
    for seed in seeds:
        file = bench.out / f"{arm.name}-{seed}.npy"
        if not file.exists():
            said = _said(arm, data, seen, seed, bench)
            partial = file.with_name(f"partial-{file.name}")
            np.save(partial, said)
            partial.replace(file)
        found.append(np.load(file))
    return np.stack(found)


def _said(arm: Arm, data: Twenty, seen: Seen, seed: int, bench: Bench) -> NDArray[np.int64]:
    said = np.zeros(len(data.answer), np.int64)
    for fold in range(FOLDS):
        if why := bench.stop():
            raise Stopped(f"{why} What is done is kept: the same command goes on.")
        inside, outside = np.flatnonzero(data.fold != fold), np.flatnonzero(data.fold == fold)
        own = replace(data, features=seen[fold])
        said[outside] = _of_fold(arm, own, inside, outside, seed)
    return said


def _of_fold(
    arm: Arm, data: Twenty, inside: NDArray[np.int64], outside: NDArray[np.int64], seed: int
) -> NDArray[np.int64]:
    count = len(data.classes)
    shares = np.bincount(data.answer[inside], minlength=count) / len(inside)
    if arm.way is None:
        if arm.name == "majority":
            return np.full(len(outside), shares.argmax())
        return _by_road(data, inside, shares)[data.roads[outside]]
    targets = np.eye(count, dtype=np.float32)[data.answer[inside]]
    rows = Rows(data.features[inside], targets, np.ones_like(targets, np.bool_), data.classes)
    outputs = learn(arm.way, rows, seed=seed)(data.features[outside])
    if arm.adjust:
        outputs = outputs - np.log(np.maximum(shares, 1e-9))
    return outputs.argmax(1)


def _by_road(
    data: Twenty, inside: NDArray[np.int64], shares: NDArray[np.float64]
) -> NDArray[np.int64]:
    """For each road the class that is most enriched on it."""
    roads = int(data.roads.max()) + 1
    counts = np.zeros((roads, len(data.classes)))
    np.add.at(counts, (data.roads[inside], data.answer[inside]), 1)
    return (counts / np.maximum(shares, 1e-9)).argmax(1)


def judge(data: Twenty, answers: Mapping[str, NDArray[np.int64]], seeds: Sequence[int]) -> Numbers:
    """Balanced accuracy, macro F1, accuracy and groups, with intervals by patient.

    Numbers are means over seeds; every arm is measured on the same draws of patients, and compared
    with cross-entropy on them.

    Args:
        data: what was asked.
        answers: arm → what was said, [seeds, images].
        seeds: of the arms.
    """
    count = len(data.classes)
    numbers = np.bincount(data.answer, minlength=count)
    groups = head_middle_tail(
        dict(zip(data.classes, numbers.tolist(), strict=True)), head=HEAD, tail=TAIL
    )
    of_group = {k: [data.classes.index(c) for c in v] for k, v in groups.items() if v}
    patients = int(data.patients.max()) + 1
    drawn = np.concatenate(list(draws(patients, len(data.answer), SAMPLES, _rng())))
    weights = np.concatenate([np.ones((1, len(data.answer)), np.int32), drawn[:, data.patients]])
    found = {
        name: np.mean([_numbers(data.answer, one, count, of_group, weights) for one in said], 0)
        for name, said in answers.items()
    }
    names = ("balanced_accuracy", "macro_f1", "accuracy", *of_group)
    arms: dict[str, Any] = {}
    for name, values in found.items():
        apart = values - found["cross-entropy"]
        arms[name] = {
            "seeds": len(answers[name]),
            "never_said": float(np.mean([count - len(np.unique(one)) for one in answers[name]])),
            **{key: _three(values[:, at]) for at, key in enumerate(names)},
            "difference": {key: _three(apart[:, at]) for at, key in enumerate(names)},
        }
    return {
        "images": len(data.answer),
        "patients": len(np.unique(data.patients)),
        "several": data.several,
        "left_out": data.left,
        "classes": {k: int(n) for k, n in zip(data.classes, numbers, strict=True)},
        "groups": {k: list(v) for k, v in groups.items()},
        "limits": [HEAD, TAIL],
        "samples": SAMPLES,
        "seeds": list(seeds),
        "recalls": {
            name: [
                float(np.mean([(one[data.answer == k] == k).mean() for one in said]))
                for k in range(count)
            ]
            for name, said in answers.items()
        },
        "arms": arms,
    }


def _rng() -> np.random.Generator:
    return np.random.default_rng(0)


def _numbers(
    truth: NDArray[np.int64],
    said: NDArray[np.int64],
    count: int,
    groups: Mapping[str, Sequence[int]],
    weights: NDArray[np.int32],
) -> NDArray[np.float64]:
    """Balanced accuracy, macro F1, accuracy and each group's, a row a draw.

    A class that a draw does not hold is left out of that draw's means.
    """
    of = np.eye(count)
    there = weights @ of[truth]
    right = weights @ (of[truth] * (truth == said)[:, None])
    given = weights @ of[said]
    with np.errstate(invalid="ignore"):
        recall = np.where(there > 0, right / np.maximum(there, 1), np.nan)
        f1 = np.where(there > 0, 2 * right / np.maximum(there + given, 1), np.nan)
    columns = [np.nanmean(recall, 1), np.nanmean(f1, 1), right.sum(1) / there.sum(1)]
    columns += [np.nanmean(recall[:, at], 1) for at in groups.values()]
    return np.column_stack(columns)


def _three(values: NDArray[np.float64]) -> list[float]:
    low, high = np.quantile(values[1:], [0.025, 0.975])
    return [round(float(one), 5) for one in (values[0], low, high)]
