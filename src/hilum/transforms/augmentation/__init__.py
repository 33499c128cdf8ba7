"""Random changes of radiographs in training: steps, and policies that choose among them.

A step draws its parameters (``sample``) and is applied with them (``change`` for grey levels,
``move`` for geometry); a policy draws steps. Everything random comes from one generator, and what
was drawn can be told, kept and done again.
"""

from hilum.transforms.augmentation.amounts import Amount, Choices
from hilum.transforms.augmentation.applying import apply, augment, augmented
from hilum.transforms.augmentation.crops import CentreCrop, LungCrop, RandomCrop
from hilum.transforms.augmentation.cutout import Cutout
from hilum.transforms.augmentation.exposure import Add, Clahe, Exposure, Gamma, Multiply
from hilum.transforms.augmentation.geometry import (
    FlipLeftRight,
    FlipUpDown,
    Rotate,
    Shear,
    Shift,
    Zoom,
)
from hilum.transforms.augmentation.judging import concerns, needs_lungs, size_after, steps_of
from hilum.transforms.augmentation.noise import GaussianNoise, Grain, LaplaceNoise, SaltAndPepper
from hilum.transforms.augmentation.picture import Grey, Params, Picture
from hilum.transforms.augmentation.policies import (
    Augmentation,
    Drawn,
    Nothing,
    OneOf,
    Order,
    Policy,
    Sequential,
    SomeOf,
    Sometimes,
    Step,
    Steps,
)
from hilum.transforms.augmentation.sharpness import GaussianBlur, Sharpen
from hilum.transforms.augmentation.warp import Warp

__all__ = [
    "Add",
    "Amount",
    "Augmentation",
    "CentreCrop",
    "Choices",
    "Clahe",
    "Cutout",
    "Drawn",
    "Exposure",
    "FlipLeftRight",
    "FlipUpDown",
    "Gamma",
    "GaussianBlur",
    "GaussianNoise",
    "Grain",
    "Grey",
    "LaplaceNoise",
    "LungCrop",
    "Multiply",
    "Nothing",
    "OneOf",
    "Order",
    "Params",
    "Picture",
    "Policy",
    "RandomCrop",
    "Rotate",
    "SaltAndPepper",
    "Sequential",
    "Sharpen",
    "Shear",
    "Shift",
    "SomeOf",
    "Sometimes",
    "Step",
    "Steps",
    "Warp",
    "Zoom",
    "apply",
    "augment",
    "augmented",
    "concerns",
    "needs_lungs",
    "size_after",
    "steps_of",
]
