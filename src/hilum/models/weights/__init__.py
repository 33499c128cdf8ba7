"""Weights that training begins with: where they come from, and how they get into a backbone."""

from hilum.models.weights.bundle import backbone_of
from hilum.models.weights.card import WeightsCard
from hilum.models.weights.file import load_weights
from hilum.models.weights.source import Declared
from hilum.models.weights.start import start

__all__ = ["Declared", "WeightsCard", "backbone_of", "load_weights", "start"]
