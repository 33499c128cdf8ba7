"""What can be said of a policy before it is used."""

from __future__ import annotations

from hilum.errors import RecipeError
from hilum.transforms.augmentation.crops import CentreCrop, LungCrop, RandomCrop
from hilum.transforms.augmentation.geometry import FlipUpDown
from hilum.transforms.augmentation.policies import (
    Augmentation,
    OneOf,
    Policy,
    Sequential,
    SomeOf,
    Sometimes,
    Step,
)

MIRRORS = (
    "augmentation mirrors left and right: the heart comes to lie on the right, as in dextrocardia, "
    "and the network cannot learn a side; leave flip-left-right out unless a study is repeated."
)
ON_ITS_HEAD = (
    "augmentation puts radiographs on their heads (flip-up-down): no radiograph is read so, and "
    "what the network learns of them is lost on upright ones; flip-left-right may be meant."
)


CROPPED = (
    "augmentation crops every radiograph of the training to the lungs, and reading shows whole "
    "ones: put lung-crop under sometimes, or crop all radiographs beforehand (hilum lungs --crop)."
)


def steps_of(policy: Augmentation) -> tuple[Step, ...]:
    """All steps that may be applied, however deep they are nested."""
    if isinstance(policy, Sequential | SomeOf | OneOf | Sometimes):
        return tuple(step for inner in policy.steps for step in steps_of(inner))
    return (policy,)


def concerns(policy: Policy) -> tuple[str, ...]:
    """What a person should know who uses a policy; a sentence each."""
    flips = any(isinstance(step, FlipUpDown) for step in steps_of(policy))
    said = [MIRRORS] if policy.mirrors else []
    said += [ON_ITS_HEAD] if flips else []
    return (*said, CROPPED) if _always_crops(policy) else tuple(said)


def _always_crops(policy: Augmentation) -> bool:
    if isinstance(policy, Sequential):
        return any(_always_crops(step) for step in policy.steps)
    return isinstance(policy, LungCrop)


def needs_lungs(policy: Policy) -> bool:
    """Whether a box of the lungs must come with each radiograph."""
    return any(isinstance(step, LungCrop) for step in steps_of(policy))


def size_after(policy: Augmentation, size: tuple[int, int]) -> tuple[int, int]:
    """The size of augmented pictures, (rows, columns).

    Args:
        policy: or a step.
        size: of the pictures before.

    Raises:
        RecipeError: pictures would not all have the same size, or a crop is larger than they are.
    """
    if isinstance(policy, Sequential):
        sizes = [size]
        for step in policy.steps:
            sizes.append(size_after(step, sizes[-1]))
        if policy.order == "fixed" or len(set(sizes)) == 1:
            return sizes[-1]
    elif isinstance(policy, OneOf):
        sizes = [size_after(step, size) for step in policy.steps]
        if len(set(sizes)) == 1:
            return sizes[0]
    elif isinstance(policy, SomeOf | Sometimes):
        if all(size_after(step, size) == size for step in policy.steps):
            return size
    elif isinstance(policy, CentreCrop | RandomCrop) and policy.size_px is not None:
        if policy.size_px[0] > size[0] or policy.size_px[1] > size[1]:
            raise RecipeError(
                f"augmentation: {policy.do} of {list(policy.size_px)} px does not fit in pictures "
                f"of {list(size)}; choose a smaller size_px, a share, or a larger input.size."
            )
        return policy.size_px
    else:
        return size
    raise RecipeError(
        f"augmentation: a crop with size_px stands in a policy ({policy.do}) that does not apply "
        "it to every radiograph alike, so that a batch would hold pictures of several sizes. Put "
        "it in the outermost sequential policy in fixed order, or crop a share."
    )
