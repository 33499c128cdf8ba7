"""COVID-19 by transfer: from fourteen findings, from ImageNet, from nothing."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from hilum.audit.columns import Column
from hilum.studies.questions import Numbers, Question, Shown, Table
from hilum.studies.s3.cohort import Cohort, load_cohort
from hilum.studies.s3.fitting import Learner, auroc_of, by_patient, joined, scores, told
from hilum.studies.s3.printed import BEST, FROM_SCRATCH

if TYPE_CHECKING:
    from hilum.studies.running import Bench

ACROSS = "nih14"
SIDE = 96
"""Pixels of the pictures that whole networks learn from."""
PARTS = 3
"""Folds of whole networks; regressions on features have five."""
STARTS = {"chest14": "`chest14`, fourteen findings", "imagenet": "ImageNet", "random": "nothing"}


def measure(bench: Bench, seeds: Sequence[int]) -> Numbers:
    """Features of frozen networks with every seed; whole networks that learn with the first.

    Raises:
        LabelError, RecipeError: the data or weights are not what is needed.
        Stopped: it was asked to; the same call goes on.
    """
    from hilum.studies.s3.looking import look

    cohort = load_cohort(bench.data)
    looked = look(bench, cohort)
    use = looked.seen & (cohort.inside | cohort.of(ACROSS))
    covid, other, across = cohort.covid & use, cohort.pneumonia & use, cohort.of(ACROSS) & use
    found: dict[str, Any] = {}
    for name in STARTS:
        features = looked.features[name, "whole"]
        learnt = {"outside": covid | across, "inside": covid | other}
        columns = {
            key: joined(
                [
                    scores(Learner(features, rows), by_patient(cohort, use, s), cohort.covid, use)
                    for s in seeds
                ]
            )
            for key, rows in learnt.items()
        }
        whole = _learnt(name, bench, cohort, use, covid | across, seed=seeds[0])
        found[name] = {
            "frozen": _asked(cohort, columns["outside"], covid, across, other),
            "inside": auroc_of(cohort, columns["inside"], covid, other),
            "whole": _asked(cohort, whole, covid, across, other),
        }
    return {
        "covid": cohort.counted(covid), "across": cohort.counted(across),
        "other": cohort.counted(other), "starts": found,
    }  # fmt: skip


def _asked(
    cohort: Cohort,
    column: Column,
    covid: NDArray[np.bool_],
    across: NDArray[np.bool_],
    other: NDArray[np.bool_],
) -> dict[str, Any]:
    return {
        "across": auroc_of(cohort, column, covid, across),
        "inside": auroc_of(cohort, column, covid, other),
    }


def _learnt(
    name: str,
    bench: Bench,
    cohort: Cohort,
    use: NDArray[np.bool_],
    learnt: NDArray[np.bool_],
    *,
    seed: int,
) -> Column:
    """What whole networks say of images whose patients they did not see; kept fold by fold."""
    from hilum.studies.s3.networks import ask, learn
    from hilum.studies.s3.pictures import small_pictures

    fold = by_patient(cohort, use, seed, PARTS)
    values = np.zeros((len(use), 1))
    for part in range(PARTS):
        file = bench.out / f"{name}-{seed}-{part}.npy"
        held = np.flatnonzero(use & (fold == part))
        if not file.exists():
            pictures = small_pictures(bench, cohort, SIDE)
            rows = np.flatnonzero(learnt & (fold != part))
            network = learn(name, bench, pictures, cohort.covid, rows, seed=seed)
            partial = file.with_name(f"partial-{file.name}")
            np.save(partial, ask(network, pictures[held]))
            partial.replace(file)
        values[held, 0] = np.load(file)
    return Column(values, use)


def show(numbers: Numbers) -> Shown:
    """A row a start."""
    caption = (
        f"AUROC for COVID-19, {numbers['covid']}. Against `{ACROSS}`, {numbers['across']}, learnt "
        f"and asked; the same models asked inside `ieee8023`, against {numbers['other']} with "
        f"another pneumonia; and learnt inside. Out of fold, 95 % intervals by patient. *Frozen*: "
        f"logistic regression on features of 224 px, all seeds; *learning*: the whole network, "
        f"{SIDE} px, few epochs, one seed. One backbone throughout; `chest14` has seen images of "
        f"`{ACROSS}`."
    )
    rows = tuple(
        (words, told(one["frozen"]["across"]), told(one["frozen"]["inside"]), told(one["inside"]),
         told(one["whole"]["across"]), told(one["whole"]["inside"]))
        for words, one in ((STARTS[name], found) for name, found in numbers["starts"].items())
    )  # fmt: skip
    head = ("begins with", f"frozen, against {ACROSS}", "… asked inside", "frozen, learnt inside",
            f"learning, against {ACROSS}", "… asked inside")  # fmt: skip
    theirs = Table(
        ("S3 begins with", "printed, against its own negatives"),
        (("its fourteen findings, best augmentation", BEST), ("nothing", FROM_SCRATCH)),
    )
    return Shown((theirs, Table(head, rows, caption)))


QUESTION = Question(
    "transfer",
    "By transfer, or from scratch",
    "S3 began with its network of fourteen findings: .9875 against .548 from scratch.",
    measure,
    show,
    6.0,
)
