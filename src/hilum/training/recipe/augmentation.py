"""[augmentation]: how radiographs are changed at random."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, model_validator

from hilum.training.recipe.part import Part
from hilum.transforms.augmentation import (
    Exposure,
    Grain,
    OneOf,
    Order,
    Policy,
    Sequential,
    SomeOf,
    Sometimes,
    Steps,
    Warp,
)


class Augmentation(Part):
    """Steps, and the policy that chooses among them; see ``docs/augmentation.md``.

    Attributes:
        policy: "sequential" applies all steps, "some-of" some, "one-of" one, "sometimes" all with
            a chance; a step may be a policy itself.
        some: with "some-of": how many, or [low, high].
        chance: with "sometimes".
        order: "fixed", as they stand, or "random", drawn for each radiograph.
        steps: ``do`` tells which; without any, rotation, zoom, stretch and shift, then gamma,
            contrast and brightness, then now and then blur or noise.
    """

    policy: Literal["sequential", "some-of", "one-of", "sometimes"] = "sequential"
    some: Annotated[int, Field(ge=0)] | tuple[int, int] | None = None
    chance: Annotated[float, Field(ge=0, le=1)] | None = None
    order: Order = "fixed"
    steps: Steps = (Warp(), Exposure(), Grain())

    @model_validator(mode="after")
    def _what_the_policy_needs(self) -> Augmentation:
        for key, said, policy in (("some", self.some, "some-of"),
                                  ("chance", self.chance, "sometimes")):  # fmt: skip
            if said is not None and self.policy != policy:
                raise ValueError(f"{key} goes with policy = {policy!r}, not {self.policy!r}")
            if said is None and self.policy == policy:
                raise ValueError(f"policy = {policy!r} needs {key}")
        if self.policy == "one-of" and self.order == "random":
            raise ValueError("policy = 'one-of' applies one step, which needs no order")
        low, high = self.some if isinstance(self.some, tuple) else (self.some or 0,) * 2
        if not 0 <= low <= high <= len(self.steps):
            raise ValueError(f"some = {self.some} cannot be had of {len(self.steps)} steps")
        return self

    def build(self) -> Policy:
        """The policy, ready to draw from."""
        if self.policy == "some-of":
            return SomeOf(self.steps, self.some or 0, self.order)
        if self.policy == "one-of":
            return OneOf(self.steps)
        if self.policy == "sometimes":
            return Sometimes(self.steps, self.chance or 0.0, self.order)
        return Sequential(self.steps, self.order)
