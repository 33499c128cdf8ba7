"""The part of a recipe that says what the network is punished for.

Formulas, sources and what each is good for stand in docs/losses.md; the functions themselves in
:mod:`hilum.training.losses`.
"""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

from pydantic import Field

from hilum.errors import RecipeError
from hilum.training.recipe.part import Part

Smoothing = Annotated[float, Field(ge=0, lt=1)]
Exponent = Annotated[float, Field(ge=0, le=20)]
Weight = Annotated[float, Field(gt=0)]
Kinds = tuple[str, ...]

CELLS: Kinds = ("multi-label", "binary")
"""Kinds of task whose findings are judged one by one."""

ROWS: Kinds = ("one-of",)
"""Kinds of task whose findings exclude each other."""


class BCE(Part):
    """Binary cross-entropy.

    Attributes:
        smoothing: share of a target that is moved to one half.
    """

    kinds: ClassVar[Kinds] = CELLS
    name: Literal["bce"] = "bce"
    smoothing: Smoothing = 0.0


class WeightedBCE(Part):
    """Binary cross-entropy in which present and absent weigh differently.

    Attributes:
        weights: of present against absent, from the training rows of each finding: "balanced"
            (negatives / positives, absent weighs 1) or "inverse-frequency" ((P + N) / P present,
            (P + N) / N absent); or a number for all findings, or one a finding, in their order.
        limit: largest weight; 0 for none.
        smoothing: share of a target that is moved to one half.
    """

    kinds: ClassVar[Kinds] = CELLS
    name: Literal["weighted-bce"] = "weighted-bce"
    weights: Literal["balanced", "inverse-frequency"] | Weight | tuple[Weight, ...] = "balanced"
    limit: Annotated[float, Field(ge=0)] = 0.0
    smoothing: Smoothing = 0.0


class Focal(Part):
    """Focal loss: what the network knows already counts less.

    Attributes:
        gamma: how much less; 0 is cross-entropy.
        alpha: weight of present, that of absent being 1 - alpha; 0 for no weights. For findings
            that are judged one by one only.
    """

    kinds: ClassVar[Kinds] = CELLS + ROWS
    name: Literal["focal"] = "focal"
    gamma: Exponent = 2.0
    alpha: Annotated[float, Field(ge=0, lt=1)] = 0.0


class Asymmetric(Part):
    """Asymmetric loss: focal for absent, which are many, and hardly or not for present.

    Attributes:
        gamma_positive: exponent where a finding is present.
        gamma_negative: exponent where it is absent.
        clip: probability up to which an absent finding costs nothing.
    """

    kinds: ClassVar[Kinds] = CELLS
    name: Literal["asymmetric"] = "asymmetric"
    gamma_positive: Exponent = 0.0
    gamma_negative: Exponent = 4.0
    clip: Annotated[float, Field(ge=0, lt=1)] = 0.05


class ClassBalanced(Part):
    """Cross-entropy or focal loss, weighted by the effective number of examples.

    Attributes:
        beta: 0 weighs nothing, towards 1 by inverse frequency.
        around: "bce" for findings judged one by one, "cross-entropy" for those that exclude each
            other, "focal" for both; "" for the plain one of the task.
        gamma: of focal.
    """

    kinds: ClassVar[Kinds] = CELLS + ROWS
    name: Literal["class-balanced"] = "class-balanced"
    beta: Annotated[float, Field(ge=0, lt=1)] = 0.9999
    around: Literal["", "bce", "cross-entropy", "focal"] = ""
    gamma: Exponent = 2.0


class AUROCMargin(Part):
    """Every present radiograph should score higher than every absent one by a margin.

    Attributes:
        margin: between probabilities.
    """

    kinds: ClassVar[Kinds] = CELLS
    name: Literal["auroc-margin"] = "auroc-margin"
    margin: Annotated[float, Field(gt=0, le=1)] = 1.0


class MSE(Part):
    """Squared error of probabilities (Brier's score)."""

    kinds: ClassVar[Kinds] = CELLS + ROWS
    name: Literal["mse"] = "mse"


class MAE(Part):
    """Absolute error of probabilities."""

    kinds: ClassVar[Kinds] = CELLS + ROWS
    name: Literal["mae"] = "mae"


class CrossEntropy(Part):
    """Cross-entropy of the softmax.

    Attributes:
        weights: of the findings: "none", "balanced" (rows / (findings × rows of this finding)),
            or one a finding, in their order.
        smoothing: share of a target that is spread over all findings.
    """

    kinds: ClassVar[Kinds] = ROWS
    name: Literal["cross-entropy"] = "cross-entropy"
    weights: Literal["none", "balanced"] | tuple[Weight, ...] = "none"
    smoothing: Smoothing = 0.0


class LDAM(Part):
    """Cross-entropy with margins that grow as a finding gets rarer, weights later.

    Attributes:
        margin: of the rarest finding; others have margin × (rarest / count)^¼. 0 for none.
        scale: of the logits.
        reweight_after: share of the epochs after which findings are weighted by their effective
            number; 1 for never.
        beta: of the effective number.
    """

    kinds: ClassVar[Kinds] = ROWS
    name: Literal["ldam"] = "ldam"
    margin: Annotated[float, Field(ge=0, le=10)] = 0.5
    scale: Annotated[float, Field(gt=0, le=100)] = 30.0
    reweight_after: Annotated[float, Field(ge=0, le=1)] = 0.8
    beta: Annotated[float, Field(ge=0, lt=1)] = 0.9999


class CumulativeBCE(Part):
    """Binary cross-entropy of "worse than this grade", one for each grade but the last.

    Attributes:
        smoothing: share of each cumulative target that is moved to one half.
    """

    kinds: ClassVar[Kinds] = ("ordinal",)
    name: Literal["cumulative-bce"] = "cumulative-bce"
    smoothing: Smoothing = 0.0


class DiceBCE(Part):
    """Soft Dice and binary cross-entropy of masks.

    Attributes:
        dice: share of Dice.
        smooth: pixels added above and below the fraction.
    """

    kinds: ClassVar[Kinds] = ("segmentation",)
    name: Literal["dice-bce"] = "dice-bce"
    dice: Annotated[float, Field(ge=0, le=1)] = 0.5
    smooth: Annotated[float, Field(gt=0)] = 1.0


AnyLoss = (
    BCE
    | WeightedBCE
    | Focal
    | Asymmetric
    | ClassBalanced
    | AUROCMargin
    | MSE
    | MAE
    | CrossEntropy
    | LDAM
    | CumulativeBCE
    | DiceBCE
)

Loss = Annotated[AnyLoss, Field(discriminator="name")]
"""One loss of a recipe."""

_PLAIN = {"one-of": CrossEntropy(), "ordinal": CumulativeBCE(), "segmentation": DiceBCE()}


def losses_for(kind: str) -> tuple[str, ...]:
    """Names of the losses that fit a kind of task."""
    parts: tuple[type[AnyLoss], ...] = AnyLoss.__args__
    return tuple(part.model_fields["name"].default for part in parts if kind in part.kinds)


def plain_loss(kind: str) -> AnyLoss:
    """The loss of a task for which the recipe names none."""
    return _PLAIN.get(kind, BCE())


def check_loss(part: AnyLoss, kind: str, findings: int) -> None:
    """Refuse a loss that a task cannot have.

    Args:
        part: of the recipe.
        kind: of the task.
        findings: how many the task has.

    Raises:
        RecipeError: it is for another kind of task, which the message says; or its weights are
            not one a finding.
    """
    if kind not in part.kinds:
        raise RecipeError(
            f"The loss {part.name} is for tasks {_either(part.kinds)}, and this one is {kind}; "
            f"for it there are {', '.join(losses_for(kind))}."
        )
    if isinstance(part, Focal) and part.alpha and kind in ROWS:
        raise RecipeError(
            f"focal: alpha weighs present against absent, and a task {kind} has no absent; leave "
            f"it out, or weigh findings with class-balanced, around = 'focal'."
        )
    if isinstance(part, ClassBalanced):
        plain = "cross-entropy" if kind in ROWS else "bce"
        if part.around not in ("", plain, "focal"):
            raise RecipeError(
                f"class-balanced: around = {part.around!r} is for other tasks; for {kind} it is "
                f"{plain!r} or 'focal'."
            )
    weights = getattr(part, "weights", None)
    if isinstance(weights, tuple) and len(weights) != findings:
        raise RecipeError(
            f"{part.name}: weights has {len(weights)} numbers for {findings} findings."
        )


def _either(kinds: Kinds) -> str:
    return " or ".join(kinds)
