"""A run under way: what every part of it must know."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

from hilum.training.machine import Machine
from hilum.training.material import Material
from hilum.training.plan import Setting
from hilum.training.progress import Told
from hilum.training.recipe import Recipe


@dataclass(frozen=True, slots=True)
class Run:
    """A run under way.

    Attributes:
        recipe: what to do.
        out: its folder.
        data: folder of the data.
        weights: folder of weights.
        setting: where it computes, and who is told.
        material: what it learns from.
        page: whether the run's page is drawn while it goes on.
        pooled: ``material.kept`` holds what heads pool, from :func:`~.views.remember_pooled`: only
            heads are built, and learn.
    """

    recipe: Recipe
    out: Path
    data: Path
    weights: Path
    setting: Setting
    material: Material
    page: bool = True
    pooled: bool = False

    @property
    def machine(self) -> Machine:
        """Where it computes."""
        return self.setting.machine

    @property
    def alone(self) -> Run:
        """The same, computed by this process without the others that have learnt with it."""
        setting = replace(self.setting, machine=replace(self.machine, alone=True))
        return replace(self, setting=setting)

    @property
    def told(self) -> Told:
        """Who is told what happens."""
        return self.setting.told
