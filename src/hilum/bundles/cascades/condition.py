"""When a stage of a cascade runs: what earlier stages must have said, as data."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

Decision = Literal["positive", "negative", "abstained"]
Outcome = Literal["read", "refused", "not-asked"]
Probability = Annotated[float, Field(gt=0.0, lt=1.0)]

DECISIONS: tuple[str, ...] = ("positive", "negative", "abstained")
OUTCOMES: tuple[str, ...] = ("read", "refused", "not-asked")


class Condition(BaseModel):
    """One condition, or several joined.

    It holds one of these alone::

        { finding = "covid.covid_19", is = "negative" }          # or "positive", "abstained"
        { finding = "covid.covid_19", probability_below = 0.2 }  # and, or, probability_at_least
        { stage = "covid", is = "refused" }                      # or "read", "not-asked"
        { all = [ … ] }   { any = [ … ] }   { not = { … } }

    Attributes:
        finding: "STAGE.FINDING", the finding's key as an earlier stage reads it.
        stage: name of an earlier stage.
        is_: what was decided on the finding, or what became of the stage.
        probability_at_least: the finding's probability is this or more.
        probability_below: the finding's probability is less than this.
        all_: conditions that must all hold.
        any_: conditions of which one must hold.
        not_: a condition that must not hold.
    """

    model_config = ConfigDict(
        frozen=True, extra="forbid", allow_inf_nan=False, populate_by_name=True
    )

    finding: Annotated[str, Field(pattern=r"^[^.\s]+\.[^.\s]+$")] | None = None
    stage: str | None = None
    is_: Decision | Outcome | None = Field(default=None, alias="is")
    probability_at_least: Probability | None = None
    probability_below: Probability | None = None
    all_: tuple[Condition, ...] | None = Field(default=None, alias="all")
    any_: tuple[Condition, ...] | None = Field(default=None, alias="any")
    not_: Condition | None = Field(default=None, alias="not")

    @model_validator(mode="after")
    def _one_form(self) -> Condition:
        named = ("finding", "stage", "all_", "any_", "not_")
        forms = [name for name in named if getattr(self, name) is not None]
        if len(forms) != 1:
            raise ValueError("a condition needs one of finding, stage, all, any, not, and one only")
        if () in (self.all_, self.any_):
            raise ValueError("`all` and `any` need at least one condition")
        bounds = (self.probability_at_least, self.probability_below)
        bounded = any(bound is not None for bound in bounds)
        if self.finding is not None:
            if (self.is_ is not None) == bounded:
                raise ValueError(
                    "a condition on a finding needs `is`, or probability_at_least, "
                    "probability_below or both of these"
                )
            if self.is_ is not None and self.is_ not in DECISIONS:
                raise ValueError(f"a finding is one of {', '.join(DECISIONS)}, not {self.is_!r}")
        elif bounded:
            raise ValueError("a probability is that of a finding: name it")
        elif self.stage is not None and self.is_ not in OUTCOMES:
            raise ValueError(f"a stage `is` one of {', '.join(OUTCOMES)}")
        elif self.stage is None and self.is_ is not None:
            raise ValueError("`is` goes with a finding or a stage")
        low, high = bounds
        if low is not None and high is not None and low >= high:
            raise ValueError("probability_at_least must lie below probability_below")
        return self

    @property
    def asked(self) -> tuple[str, str]:
        """Stage and key of the finding; ValueError where the condition names none."""
        if self.finding is None:
            raise ValueError(f"{self} names no finding")
        stage, _, key = self.finding.partition(".")
        return stage, key

    @property
    def parts(self) -> tuple[Condition, ...]:
        """The conditions that this one joins; none where it stands alone."""
        return (*(self.all_ or ()), *(self.any_ or ()), *([self.not_] if self.not_ else []))

    def leaves(self) -> Iterator[Condition]:
        """The conditions on a finding or a stage that it is made of."""
        if not self.parts:
            yield self
        for part in self.parts:
            yield from part.leaves()

    def __str__(self) -> str:
        """The condition in words, such as "covid.covid_19 is negative"."""
        if self.not_ is not None:
            return f"not ({self.not_})"
        if self.parts:
            word = " and " if self.all_ else " or "
            return word.join(f"({p})" if len(p.parts) > 1 else str(p) for p in self.parts)
        if self.is_ is not None:
            said = self.is_.replace("-", " ")
            return f"{self.finding} is {said}" if self.finding else f"stage {self.stage} is {said}"
        bounds = {"at least": self.probability_at_least, "below": self.probability_below}
        said = " and ".join(f"{word} {b:g}" for word, b in bounds.items() if b is not None)
        return f"probability of {self.finding} {said}"
