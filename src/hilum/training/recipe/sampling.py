"""The part of a recipe that says which training rows an epoch shows, and in which order."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from hilum.training.recipe.part import Part

Share = Annotated[float, Field(ge=0, le=1)]


class _Order(Part):
    """What every sampling may say.

    Attributes:
        spread: a finding whose rows are laid evenly over the epoch, so that batches hold it and
            rows without it; for losses that compare the two. "" leaves the order to chance.
    """

    spread: str = ""


class All(_Order):
    """Every training row once an epoch."""

    name: Literal["all"] = "all"


class Proportional(_Order):
    """Seed & Proportional: a number of rows, a designed share a finding, another draw each epoch.

    Attributes:
        number: rows an epoch, none of them twice.
        shares: finding, or "no_finding" → share of those rows, at the least.
    """

    name: Literal["proportional"] = "proportional"
    number: Annotated[int, Field(ge=1)]
    shares: Annotated[dict[str, Share], Field(min_length=1)]


class _Weighted(_Order):
    """Rows drawn with replacement, rare findings more often.

    Attributes:
        rule: a row of several findings has the weight of its "rarest", or their "mean".
        number: rows an epoch; 0 for as many as there are.
    """

    rule: Literal["rarest", "mean"] = "rarest"
    number: Annotated[int, Field(ge=0)] = 0


class InverseFrequency(_Weighted):
    """A finding of n rows has the weight 1/n: classes are met equally often."""

    name: Literal["inverse-frequency"] = "inverse-frequency"


class SquareRoot(_Weighted):
    """A finding of n rows has the weight 1/√n: half way between rows as they are and balance."""

    name: Literal["square-root"] = "square-root"


class Balanced(_Order):
    """As many rows of each finding, and of none, as the rarest has.

    Attributes:
        draw: "once" keeps one subset for the whole run, "each-epoch" draws another each time.
        cap: rows a finding at most; 0 for as many as the rarest has.
    """

    name: Literal["balanced"] = "balanced"
    draw: Literal["once", "each-epoch"] = "once"
    cap: Annotated[int, Field(ge=0)] = 0


Sampling = Annotated[
    All | Proportional | InverseFrequency | SquareRoot | Balanced, Field(discriminator="name")
]


class SecondStage(Part):
    """The head learns once more, on features that no longer change, of balanced rows.

    Attributes:
        epochs: of the second stage, after those of ``[fit]``.
        sampling: of the second stage.
        lr: largest learning rate of the head; it falls to zero along a cosine.
        reset_head: begin with a new head; False goes on with the one that was learnt.

    Source:
        Kang et al. 2020, Decoupling representation and classifier for long-tailed recognition
        (ICLR), section 4.1: classifier re-training (cRT), where each class is drawn equally often.
    """

    epochs: Annotated[int, Field(ge=1, le=10_000)] = 10
    sampling: Sampling = InverseFrequency()
    lr: Annotated[float, Field(gt=0, le=1)] = 1e-2
    reset_head: bool = True
