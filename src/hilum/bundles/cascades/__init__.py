"""Chains of bundles as data: which bundle reads first, and which reads where that one said what."""

from hilum.bundles.cascades.condition import Condition
from hilum.bundles.cascades.schema import Cascade, Stage
from hilum.bundles.cascades.store import about, available, load, locate

__all__ = ["Cascade", "Condition", "Stage", "about", "available", "load", "locate"]
