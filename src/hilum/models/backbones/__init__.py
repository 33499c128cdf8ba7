"""Backbones: from one grey channel to a feature map, whole, cut, frozen, normalised otherwise."""

from hilum.models.backbones.backbone import Backbone
from hilum.models.backbones.build import build_backbone
from hilum.models.backbones.cut import cut, flows_through
from hilum.models.backbones.freeze import freeze, thaw
from hilum.models.backbones.layers import layers
from hilum.models.backbones.normalisation import replace_normalisation
from hilum.models.backbones.statistics import reestimate

__all__ = [
    "Backbone",
    "build_backbone",
    "cut",
    "flows_through",
    "freeze",
    "layers",
    "reestimate",
    "replace_normalisation",
    "thaw",
]
