"""Deterministic changes of a radiograph for reading it several times: steps, chains, sets.

A step is a transform with its numbers; a chain is steps in a row; a set has a chain a round. numpy
and OpenCV, no chance, no torch.
"""

from hilum.transforms.rounds.looking import look
from hilum.transforms.rounds.sets import SETS, Each, Round, RoundSet
from hilum.transforms.rounds.steps import TRANSFORMS, Chain, Step, apply, told
from hilum.transforms.rounds.ten import ten
from hilum.transforms.rounds.transform import Parameter, Transform

__all__ = [
    "SETS",
    "TRANSFORMS",
    "Chain",
    "Each",
    "Parameter",
    "Round",
    "RoundSet",
    "Step",
    "Transform",
    "apply",
    "look",
    "ten",
    "told",
]
