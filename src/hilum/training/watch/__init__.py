"""Accidents of training, named while they happen, with what usually helps.

:mod:`labels` finds what a table and its split let go wrong, :mod:`outputs` and :mod:`curves` what
outputs and losses show, :mod:`activations` (torch) what the network itself tells.
"""

from hilum.training.watch.concern import ADVICE, Concern, stopping
from hilum.training.watch.labels import before, chance_loss
from hilum.training.watch.watching import EpochFacts, Watch

__all__ = ["ADVICE", "Concern", "EpochFacts", "Watch", "before", "chance_loss", "stopping"]
