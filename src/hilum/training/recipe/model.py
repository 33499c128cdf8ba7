"""The part of a recipe that says what the network is."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, model_validator

from hilum.training.recipe.part import Part


class Unfreeze(Part):
    """From an epoch on, less is frozen.

    Attributes:
        epoch: from 1.
        upto: module up to which the backbone stays frozen; "" for nothing.
    """

    epoch: Annotated[int, Field(ge=1)]
    upto: str = ""


class Views(Part):
    """Several views of one examination, read side by side.

    Attributes:
        names: what the column ``data.view`` holds, "PA|AP" for either; the first is what the
            bundle reads.
        stems: "shared" for one stem, or "own" for one a view.
        own_upto: module up to which views have stems of their own.
        join: "mean" of the present views, or "concatenate" with something learnt for a view that
            is missing.
        drop: share of the views present that training leaves out at random, never all of an
            examination: it teaches the network to do without any of them.
    """

    names: Annotated[tuple[str, ...], Field(min_length=2)]
    stems: Literal["shared", "own"] = "shared"
    own_upto: str = ""
    join: Literal["mean", "concatenate"] = "mean"
    drop: Annotated[float, Field(ge=0, lt=1)] = 0.0

    @model_validator(mode="after")
    def _agree(self) -> Views:
        values = [value for name in self.names for value in name.split("|")]
        if "" in values or len(set(values)) != len(values):
            raise ValueError("names: each view once, and none empty")
        if (self.stems == "own") != bool(self.own_upto):
            raise ValueError('stems = "own" and own_upto go together')
        return self


class Model(Part):
    """The network.

    Attributes:
        backbone: name; see docs/backbones.md. "" takes that of the bundle in ``weights``.
        weights: what to start from; see docs/weights.md. "" from scratch.
        weights_licence: of a file of weights that Hilum has no card for.
        weights_origin: who made it, likewise.
        weights_mean: of grey in [0, 1] in its training, one number or one a colour, likewise.
        weights_std: likewise.
        cut: module of the backbone at which it ends; "" for its own end.
        freeze: module of the backbone up to which nothing is learnt, or "all"; "" for none.
        unfreeze: gradual unfreezing.
        batch_norm: "frozen" keeps the statistics of the weights, "train" learns new ones;
            "reestimated" learns new ones after measuring them on training pictures in such a way
            that the network gives what it gave: for weights whose statistics are estimates.
        normalisation: what takes the place of the backbone's normalisation; "" keeps it.
        drop_path: share of residual branches dropped in training (stochastic depth).
        head: see docs/heads.md.
        dropout: before the head; what the head has by default when left out.
        views: for several views.
    """

    backbone: str = ""
    weights: str = ""
    weights_licence: str = ""
    weights_origin: str = ""
    weights_mean: tuple[float, ...] = ()
    weights_std: tuple[float, ...] = ()
    cut: str = ""
    freeze: str = ""
    unfreeze: tuple[Unfreeze, ...] = ()
    batch_norm: Literal["frozen", "train", "reestimated"] = "train"
    normalisation: Literal["", "batch", "group", "instance", "layer", "none"] = ""
    drop_path: Annotated[float, Field(ge=0, lt=1)] = 0.0
    head: Literal["linear", "concat-pool", "attention"] = "linear"
    dropout: Annotated[float, Field(ge=0, lt=1)] | None = None
    views: Views | None = None

    @model_validator(mode="after")
    def _something_to_build(self) -> Model:
        if not self.backbone and not self.weights.startswith("bundle:"):
            raise ValueError("backbone: which network? Or take a bundle's with weights")
        if self.unfreeze and not self.freeze:
            raise ValueError("unfreeze needs freeze")
        epochs = [one.epoch for one in self.unfreeze]
        if epochs != sorted(set(epochs)):
            raise ValueError("the epochs of unfreeze must rise")
        return self
