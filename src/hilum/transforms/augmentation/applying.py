"""Applies what was drawn; movements in a row are carried out as one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from hilum.transforms.augmentation.moving import frame_after, moved, then
from hilum.transforms.augmentation.picture import Frame, Grey, Move, Picture
from hilum.transforms.augmentation.policies import (
    Augmentation,
    Drawn,
    Geometric,
    Policy,
    draw_step,
)


def augmented(picture: Picture, policy: Policy, rng: np.random.Generator) -> Picture:
    """Draw what a policy does to a radiograph, and do it.

    Args:
        picture: left as it is.
        policy: from a recipe.
        rng: the only source of chance.

    Returns:
        The changed radiograph with the boxes and masks on it; grey float32 in [0, 1].

    Raises:
        RunError: lung-crop without a box of the lungs.
        RecipeError: a crop larger than the picture.
    """
    return apply(picture, policy.draw(rng))


def apply(picture: Picture, drawn: Sequence[Drawn]) -> Picture:
    """Do what was drawn.

    Movements that follow each other are carried out in one interpolation: the picture is blurred
    once, and what one of them would have cut off is there when the next one shows it. Two that
    fill the outside differently are kept apart.

    Args:
        picture: left as it is.
        drawn: steps with their parameters, in order.
    """
    waiting: Move | None = None
    frame = Frame(picture.shape, picture.lungs)
    for one in drawn:
        if isinstance(one.step, Geometric):
            move = one.step.move(frame, one.params)
            frame = frame_after(frame, move)
            if waiting and (waiting.outside or move.outside) != (move.outside or waiting.outside):
                picture, waiting = moved(picture, waiting), None
            waiting = then(waiting, move) if waiting else move
            continue
        if waiting:
            picture, waiting = moved(picture, waiting), None
        picture = replace(picture, grey=one.step.change(picture.grey, one.params))
    return moved(picture, waiting) if waiting else picture


def augment(grey: Grey, steps: Sequence[Augmentation], rng: np.random.Generator) -> Grey:
    """Draw and apply steps in order, where nothing lies on the radiograph.

    Args:
        grey: float32 [rows, columns] in [0, 1]; left as it is.
        steps: what to apply.
        rng: the only source of chance.

    Returns:
        float32 in [0, 1]; of the same shape, unless a step crops to a size.
    """
    drawn = [one for step in steps for one in draw_step(step, rng)]
    return apply(Picture(grey), drawn).grey
