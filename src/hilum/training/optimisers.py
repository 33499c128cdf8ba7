"""From the recipe to an optimiser: which parameters learn at which rate, and which decay."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import chain
from typing import Any

import torch
from torch import nn
from torch.optim import Optimizer

from hilum.errors import RunError
from hilum.training.recipe.optimiser import SGD, Adam, AdamW, AnyOptimiser

Layers = Sequence[tuple[str, Iterable[nn.Parameter]]]
"""A backbone's layers from input to output: their names and parameters."""

DECAYED = 2
"""Dimensions from which a parameter decays; biases, normalisation and layer scales have one."""


def build_optimiser(
    part: AnyOptimiser,
    layers: Layers,
    head: Iterable[nn.Parameter],
    *,
    thawing: Iterable[nn.Parameter] = (),
) -> Optimizer:
    """An optimiser over what learns, now or later.

    Frozen parameters are left out, unless they thaw later: then their group is there from the
    beginning, with its rate, and the schedule carries it along. While they are frozen a step does
    not touch them: whatever gradient they still hold is dropped before it, as one of zeros would
    let AdamW's decay and moments change them.

    Args:
        part: of the recipe.
        layers: of the backbone, from input to output; [] for none.
        head: parameters of the head.
        thawing: parameters that are frozen now and learn in a later epoch.

    Returns:
        An optimiser whose groups have a "name" and their largest learning rate as "top_lr" beside
        what torch keeps there.

    Raises:
        RunError: nothing learns, or a parameter stands in two layers.
    """
    groups = parameter_groups(part, layers, head, thawing=thawing)
    if not groups:
        raise RunError("Nothing of the network learns: everything is frozen. Change model.freeze.")
    match part:
        case SGD():
            built: Optimizer = torch.optim.SGD(
                groups, part.lr, momentum=part.momentum, nesterov=part.nesterov
            )
        case Adam():
            built = torch.optim.Adam(groups, part.lr, betas=part.betas)
        case AdamW():
            built = torch.optim.AdamW(groups, part.lr, betas=part.betas)
    built.register_step_pre_hook(_drop_frozen_gradients)
    return built


def parameter_groups(
    part: AnyOptimiser,
    layers: Layers,
    head: Iterable[nn.Parameter],
    *,
    thawing: Iterable[nn.Parameter] = (),
) -> list[dict[str, Any]]:
    """Groups of parameters with their learning rate and weight decay, for an optimiser.

    The last layer of the backbone learns at ``lr``, the one before it at ``layer_decay`` of that,
    and so on to the input; the head learns at a rate of its own. Biases and the parameters of
    normalisation, which have one dimension, do not decay unless ``decay_all`` says so.

    Args:
        part: of the recipe.
        layers: of the backbone, from input to output.
        head: parameters of the head.
        thawing: parameters that are frozen now and learn later.

    Returns:
        Dictionaries with "params", "name" ("blocks.2", "backbone" where all of it learns at one
        rate, "head"; " without decay" behind it), "lr", "top_lr" and "weight_decay". Groups without
        parameters are left out.

    Raises:
        RunError: a parameter stands in two layers.

    Source: Clark et al. 2020 and Bao et al. 2022 for rates that fall from layer to layer.
    """
    later = {id(parameter) for parameter in thawing}
    named = [(name, list(parameters)) for name, parameters in layers]
    if part.layer_decay == 1:
        named = [("backbone", list(chain.from_iterable(p for _, p in named)))]
    rates = [part.lr * part.layer_decay**depth for depth in range(len(named))][::-1]
    named.append(("head", list(head)))
    rates.append(part.rate_of_head)
    seen: dict[int, str] = {}
    groups: list[dict[str, Any]] = []
    for (name, parameters), rate in zip(named, rates, strict=True):
        learning = [p for p in parameters if p.requires_grad or id(p) in later]
        for parameter in parameters:
            if id(parameter) in seen:
                raise RunError(
                    f"A parameter of shape {tuple(parameter.shape)} stands in "
                    f"{seen[id(parameter)]} and in {name}; each must stand in one layer."
                )
            seen[id(parameter)] = name
        decays = [p for p in learning if part.decay_all or p.ndim >= DECAYED]
        stays = [p for p in learning if not (part.decay_all or p.ndim >= DECAYED)]
        for some, suffix, decay in (
            (decays, "", part.weight_decay),
            (stays, " without decay", 0.0),
        ):
            if some:
                groups.append(
                    {
                        "params": some,
                        "name": f"{name}{suffix}",
                        "lr": rate,
                        "top_lr": rate,
                        "weight_decay": decay,
                    }
                )
    return groups


def _drop_frozen_gradients(optimiser: Optimizer, *_: Any) -> None:
    for group in optimiser.param_groups:
        for parameter in group["params"]:
            if not parameter.requires_grad:
                parameter.grad = None
