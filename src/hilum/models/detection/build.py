"""Detectors from plain values."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from hilum.errors import RecipeError
from hilum.models.backbones import Backbone
from hilum.models.detection.detector import Detector
from hilum.models.detection.stages import Stages
from hilum.models.tasks import Task
from hilum.registry import Registry, unknown

HEADS = Registry(
    "detection head",
    [
        ("small", "hilum.models.detection.small:Small"),
        ("fcos", "hilum.models.detection.fcos:Fcos"),
        ("retinanet", "hilum.models.detection.retinanet:Retina"),
        ("faster-rcnn", "hilum.models.detection.faster_rcnn:FasterRcnn"),
    ],
)
"""Name → ``(channels, kinds, *, width, size) -> BoxHead``."""

WIDTHS = (64, 128, 256)
"""Channels that the maps of a head may have."""

STEP = 32
"""Rows and columns of images are multiples of the stride of the last stage."""


def build_detector(
    backbone: Backbone,
    head: str,
    kinds: Sequence[str],
    *,
    size: tuple[int, int],
    width: int = 64,
    task: Task | None = None,
    structures: Sequence[str] = (),
) -> Detector:
    """An untrained detector on a backbone, which keeps the weights that it has.

    Args:
        backbone: any that gives a map.
        head: a name in :data:`HEADS`.
        kinds: what it draws boxes around, keys of findings.
        size: rows and columns of the images, multiples of 32.
        width: channels of the head's maps: 64, 128 or 256.
        task: findings said of the whole image; None for none.
        structures: masks learnt beside the boxes.

    Raises:
        RecipeError: no such head, a width or a size that it does not take, no kind or one twice.
    """
    if head not in HEADS:
        raise RecipeError(unknown("detection head", head, HEADS))
    if width not in WIDTHS:
        raise RecipeError(f"A detector's width is {', '.join(map(str, WIDTHS))}; got {width}.")
    if size[0] % STEP or size[1] % STEP or min(size) < 2 * STEP:
        raise RecipeError(
            f"A detector needs images whose rows and columns are multiples of {STEP}, "
            f"{2 * STEP} at least; got {size[0]} × {size[1]}."
        )
    twice = [key for key, n in Counter(kinds).items() if n > 1]
    if twice or not kinds:
        what = f"{', '.join(twice[:3])} stands twice" if twice else "none is named"
        raise RecipeError(f"A detector draws boxes around findings, each named once: {what}.")
    made = HEADS.resolve(head)
    channels = Stages(backbone, made.strides_for(size)).channels
    boxes = made(channels, len(kinds), width=width, size=size)
    return Detector(backbone, boxes, kinds, task=task, structures=structures)
