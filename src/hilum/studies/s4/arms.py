"""What S4 compared, and what we hold beside it; each scored in folds within folds."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from hilum.bundles.card import Preprocessing
from hilum.studies.running import Bench
from hilum.studies.s4.cohort import Cohort, Floats, Fold
from hilum.studies.s4.nested import Ask, Nested, nest

SCRATCH_SIDE = 64
"""Pixels: nothing that learns from a hundred images needs more, and it is what two cores afford."""


@dataclass(frozen=True, slots=True)
class Arm:
    """One thing that learns.

    Attributes:
        name: short, of its folder.
        title: for people.
        eye: frozen network whose features it learns from; "" for none.
        scratch: backbone that learns from the first step; "" for none.
        line: whether a logistic regression learns in place of S4's head.
        columns: covariates that it learns from; empty for none.
    """

    name: str
    title: str
    eye: str = ""
    scratch: str = ""
    line: bool = False
    columns: tuple[str, ...] = ()

    @property
    def seeds(self) -> bool:
        """Whether chance has a part in it."""
        return not (self.line or self.columns)


def _line(eye: str, title: str) -> Arm:
    return Arm(f"{eye}-line", f"logistic regression on {title}", eye=eye, line=True)


HEADS = (
    Arm("squeezenet1_0", "SqueezeNet 1.0", eye="squeezenet1_0"),
    Arm("squeezenet1_1", "SqueezeNet 1.1", eye="squeezenet1_1"),
    Arm("squeezenet1_0-raw", "SqueezeNet 1.0, not normalised", eye="squeezenet1_0-raw"),
    Arm(
        "squeezenet1_0-classifier",
        "SqueezeNet 1.0 with its classifier",
        eye="squeezenet1_0-classifier",
    ),
    Arm("mobilenet", "MobileNet-EdgeTPU, S4's head", eye="mobilenet_edgetpu_100"),
    Arm("chest14", "chest14, S4's head", eye="chest14"),
)
SCRATCH = tuple(
    Arm(f"{name}-scratch", f"{title} from scratch", scratch=name)
    for name, title in (("resnet18", "ResNet18"), ("resnet34", "ResNet34"),
                        ("resnet50", "ResNet50"))
)  # fmt: skip
LINES = (
    _line("squeezenet1_0", "SqueezeNet 1.0"),
    _line("mobilenet_edgetpu_100", "MobileNet-EdgeTPU"),
    _line("chest14", "chest14"),
)
AGE = Arm("age", "age alone", columns=("age",))
COVARIATES = (
    AGE,
    Arm("age-sex", "age and sex", columns=("age", "male")),
    Arm("age-sex-days", "age, sex, day offset", columns=("age", "male", "days")),
)
LEAKS = (
    Arm("source", "source alone", columns=("source",)),
    Arm("file", "width, height and ratio of the file alone", columns=("file",)),
    Arm("unknown", "whether age and sex are known", columns=("unknown",)),
    Arm("covid", "labelled COVID-19 or not", columns=("covid",)),
    Arm("days", "day offset alone", columns=("days",)),
    Arm("care", "intubation, ICU, oxygen", columns=("care",)),
)
ARMS = {arm.name: arm for arm in (*HEADS, *SCRATCH, *LINES, *COVARIATES, *LEAKS)}


def columns_of(cohort: Cohort, names: Sequence[str]) -> Floats:
    """Covariates as numbers [images, columns], NaN where unknown."""
    sites = sorted(set(cohort.source.tolist()))
    known: dict[str, Callable[[], Floats]] = {
        "age": lambda: cohort.age[:, None],
        "male": lambda: cohort.male[:, None],
        "days": lambda: cohort.days[:, None],
        "covid": lambda: cohort.covid[:, None].astype(np.float64),
        "care": lambda: np.column_stack(list(cohort.care.values())),
        "file": lambda: cohort.file,
        "unknown": lambda: np.isnan(np.column_stack([cohort.age, cohort.male])).astype(np.float64),
        "source": lambda: (cohort.source[:, None] == np.array(sites, object)).astype(np.float64),
    }
    return np.column_stack([known[name]() for name in names])


def scored(
    arm: Arm, seed: int, cohort: Cohort, folds: tuple[Fold, ...], bench: Bench, division: int = 0
) -> Nested:
    """What an arm says of every image; kept in the bench's store.

    Args:
        arm: which.
        seed: of weights and order; without meaning where chance has no part.
        cohort: of the study.
        folds: of the cohort.
        bench: where.
        division: seed of the folds.

    Raises:
        RecipeError: weights are not there.
        RunError: a radiograph cannot be read.
        Stopped: it was asked to; the same call goes on.
    """
    own = f"seed-{seed}" if arm.seeds else "any-seed"
    keep = bench.store / f"s4-arms-{cohort.digest}-{division}" / arm.name / own
    asking = _asking(arm, seed, cohort, bench)
    return nest(asking, folds, len(cohort.died), keep, once=bool(arm.scratch))


def _asking(arm: Arm, seed: int, cohort: Cohort, bench: Bench) -> Ask:
    from hilum.studies.s4.learning import asking_head, asking_line, asking_scratch
    from hilum.studies.s4.looking import eye, pictures, pooled

    if arm.columns:
        return asking_line(columns_of(cohort, arm.columns), cohort.died, bench.stop)
    if arm.scratch:
        shown = Preprocessing(size=(SCRATCH_SIDE, SCRATCH_SIDE), value_range=(-1.0, 1.0))
        images = pictures(cohort.table, bench.data, bench.store, shown)
        return asking_scratch(arm.scratch, images, cohort.died, seed, bench.stop)
    seen = pooled(eye(arm.eye), cohort.table, bench.data, bench.weights, bench.store)
    if arm.line:
        averages = seen[:, seen.shape[1] // 2 :].astype(np.float64)
        return asking_line(averages, cohort.died, bench.stop)
    return asking_head(seen, cohort.died, seed, bench.stop)
