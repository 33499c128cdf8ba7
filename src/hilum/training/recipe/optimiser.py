"""The part of a recipe that says how weights follow the gradient; see docs/optimising.md."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, model_validator

from hilum.training.recipe.part import Part

Rate = Annotated[float, Field(gt=0, le=100)]
Decay = Annotated[float, Field(ge=0, le=1)]
Moment = Annotated[float, Field(ge=0, lt=1)]


class Rates(Part):
    """What all optimisers have in common.

    Attributes:
        lr: largest learning rate of the backbone, which its last layer has.
        head_lr: largest learning rate of the head; ten times ``lr`` when left out.
        layer_decay: factor from a layer of the backbone to the one before it; 1 for none.
        weight_decay: pull of the weights towards zero.
        decay_all: whether biases and normalisation are pulled too.
    """

    lr: Rate = 1e-3
    head_lr: Rate | None = None
    layer_decay: Annotated[float, Field(gt=0, le=1)] = 1.0
    weight_decay: Decay = 0.0
    decay_all: bool = False

    @property
    def rate_of_head(self) -> float:
        """The head's largest learning rate."""
        return 10 * self.lr if self.head_lr is None else self.head_lr


class SGD(Rates):
    """Stochastic gradient descent.

    Attributes:
        momentum: share of the last step that is repeated.
        nesterov: Nesterov's variant, which needs momentum.
    """

    name: Literal["sgd"] = "sgd"
    lr: Rate = 1e-2
    weight_decay: Decay = 1e-4
    momentum: Moment = 0.9
    nesterov: bool = True

    @model_validator(mode="after")
    def _nesterov_needs_momentum(self) -> SGD:
        if self.nesterov and not self.momentum:
            raise ValueError("nesterov needs momentum; set nesterov = false")
        return self


class Adam(Rates):
    """Adam; its weight decay is part of the gradient.

    Attributes:
        betas: of the running means of the gradient and of its square.
    """

    name: Literal["adam"] = "adam"
    betas: tuple[Moment, Moment] = (0.9, 0.999)


class AdamW(Rates):
    """Adam with weight decay apart from the gradient.

    Attributes:
        betas: of the running means of the gradient and of its square.
    """

    name: Literal["adamw"] = "adamw"
    weight_decay: Decay = 0.05
    betas: tuple[Moment, Moment] = (0.9, 0.999)


AnyOptimiser = SGD | Adam | AdamW

Optimiser = Annotated[AnyOptimiser, Field(discriminator="name")]
"""One optimiser of a recipe."""
