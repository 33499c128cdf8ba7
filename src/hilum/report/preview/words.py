"""What is said on a sheet: the policy, what was done to a radiograph, and what is wrong with it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import fields

import numpy as np
from numpy.typing import NDArray

from hilum.transforms.augmentation import (
    Augmentation,
    Choices,
    Cutout,
    Drawn,
    OneOf,
    Picture,
    Sequential,
    SomeOf,
    Sometimes,
    apply,
)

CLIPPED = 0.1
"""More pixels than this share newly at black or white: grey levels are lost."""
OUTSIDE = 0.3
"""More than this share from outside the radiograph."""
DARK, BRIGHT, FLAT = 0.08, 0.92, 0.03
"""Mean grey, and standard deviation of grey, that no radiograph should have."""

Image = NDArray[np.uint8]


def described(step: Augmentation) -> str:
    """A step or policy in words, with its settings."""
    if isinstance(step, Sequential | SomeOf | OneOf | Sometimes):
        inner = "; ".join(described(one) for one in step.steps)
        order = ", random order" if getattr(step, "order", "fixed") == "random" else ""
        many = ""
        if isinstance(step, SomeOf):
            many = f" {step.least}" + (f" to {step.most}" if step.most != step.least else "")
        if isinstance(step, Sometimes):
            many = f" ({step.chance:g})"
        return f"{step.do.replace('-', ' ')}{many}{order} {{ {inner} }}"
    settings = [
        f"{field.name} {_amount(getattr(step, field.name), field.name)}"
        for field in fields(step)
        if field.name != "do" and getattr(step, field.name) not in (None, "image", "black")
    ]
    return f"{step.do} ({', '.join(settings)})" if settings else step.do


def told(drawn: Sequence[Drawn]) -> list[str]:
    """What was done to one radiograph, a line a step."""
    lines = []
    for one in drawn:
        params = {name: value for name, value in one.params.items() if name != "seed"}
        if "flip" in params:
            words = ["yes" if params["flip"] else "no"]
        elif "seed" in one.params and not params:
            words = ["each pixel"]
        else:
            words = [f"{name.removesuffix('_255')} {value:.3g}" for name, value in params.items()]
        lines.append(" ".join([one.step.do, ", ".join(words)]).strip())
    return lines


def faults(plain: Picture, drawn: Sequence[Drawn]) -> list[str]:
    """What is wrong with an augmented radiograph, in a few words each.

    What a cutout hides, and what comes in from outside, is not counted as clipped.
    """
    seen = Picture(plain.grey, masks=np.ones((1, *plain.shape), np.uint8), lungs=plain.lungs)
    done = apply(seen, [one for one in drawn if not isinstance(one.step, Cutout)])
    inside = done.masks[0].astype(bool)
    outside = 1 - float(inside.mean())
    found = [f"{outside:.0%} from outside"] if outside > OUTSIDE else []
    if not inside.any():
        return found
    grey = done.grey[inside]
    clipped = _extreme(grey) - _extreme(plain.grey)
    if clipped > CLIPPED:
        found.append(f"{clipped:.0%} of grey levels clipped")
    if grey.mean() < DARK:
        found.append("nearly black")
    elif grey.mean() > BRIGHT:
        found.append("nearly white")
    if grey.std() < FLAT <= plain.grey.std():
        found.append("nearly flat")
    return found


def _extreme(grey: NDArray[np.float32]) -> float:
    return float(((grey <= 0) | (grey >= 1)).mean())


def _amount(said: object, name: str) -> str:
    if isinstance(said, Choices):
        return " or ".join(f"{n:g}" for n in said.choices)
    if isinstance(said, tuple):
        return f" {'×' if name == 'size_px' else 'to'} ".join(f"{n:g}" for n in said)
    return (
        f"{said:g}" if isinstance(said, int | float) and not isinstance(said, bool) else str(said)
    )
