"""An accident of training, with its numbers and what usually helps."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from hilum.training.recipe.watch import Code
from hilum.training.recipe.watch import Watch as Part

ADVICE: Mapping[Code, str] = {
    "class-absent": (
        "Leave it out of the findings, add rows, or split again: `hilum split` spreads every "
        "finding over the parts."
    ),
    "always-zero": (
        "Leave it out of the findings, add rows on which it is present, or split again: "
        "`hilum split` spreads every finding over the parts."
    ),
    "always-one": (
        "Leave it out of the findings, or add rows on which it is absent; look whether absence "
        "is written in the table at all, or only left blank."
    ),
    "untested": (
        "Split again with more tuning rows (`hilum split` spreads every finding), and choose the "
        "checkpoint by findings that can be measured (fit.best)."
    ),
    "no-class": (
        'Give those rows a class of their own (add "no_finding" to the findings), or ask a '
        "multi-label task: softmax must give every row one class."
    ),
    "several-classes": "Ask a multi-label task: softmax can give every row one class only.",
    "accuracy-misleads": (
        "Choose the checkpoint by AUROC, balanced accuracy or F1 (fit.best), and judge the network "
        "by those."
    ),
    "not-finite": (
        "Lower the learning rate, warm up longer, clip the gradient (fit.clip); with bfloat16 try "
        "precision = 'float32'; look for broken pictures."
    ),
    "outputs-alike": (
        "Lower the learning rate, warm up, begin with trained weights or freeze more; MAE and MSE "
        "losses do this on rare findings, where cross-entropy does not."
    ),
    "one-class": (
        "Weigh or sample rare classes more (losses with weights, sampling 'inverse-frequency'), or "
        "judge by an operating point that is not 0.5; wait, if training is young."
    ),
    "no-better-than-chance": (
        "Check that labels belong to their images (hilum train --preview), begin with trained "
        "weights, try other learning rates; with few tuning rows, split for more."
    ),
    "stuck": (
        "Raise the learning rate (or find it), begin with trained weights, freeze less, take less "
        "dropout and augmentation; check that labels belong to their images."
    ),
    "diverging": "Lower the learning rate, warm up longer, clip the gradient, take larger batches.",
    "overfitting": (
        "The best checkpoint is kept: stop early (fit.patience). Augment more, freeze more, add "
        "dropout or weight decay, begin with trained weights, find more rows."
    ),
    "dead-units": (
        "Lower the learning rate or warm up, begin with trained weights, normalise (batch or "
        "group), or take a backbone whose activation does not die (SiLU, GELU)."
    ),
    "collapsed": (
        "Give the variance more weight (self_supervision.variance), lower the learning rates "
        "(self_supervision.optimiser), take larger batches."
    ),
}
"""What usually helps, by code."""


@dataclass(frozen=True, slots=True)
class Concern:
    """Something that goes wrong, or no longer does.

    Attributes:
        code: what it is; ``docs/watch.md`` explains each.
        message: a sentence with the numbers.
        advice: what usually helps; "" once it is over.
        since: epoch from 1 since when; None before training.
        ended: it was told before, and is over.
    """

    code: Code
    message: str
    advice: str
    since: int | None = None
    ended: bool = False

    def line(self) -> dict[str, str]:
        """As it stands in ``epochs.jsonl``."""
        return {"code": self.code, "message": self.message, "advice": self.advice}


def concern(code: Code, message: str, since: int | None = None) -> Concern:
    """A concern with the advice that its code brings."""
    return Concern(code, message, ADVICE[code], since)


def stopping(part: Part, concerns: Iterable[Concern]) -> list[Concern]:
    """Those that stop the run: codes that the recipe names, and always "not-finite"."""
    codes = {*part.stop, "not-finite"}
    return [one for one in concerns if one.code in codes and not one.ended]
