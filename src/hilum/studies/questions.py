"""A study as questions: each measures something, keeps its numbers, and shows them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from hilum.errors import RecipeError
from hilum.registry import unknown

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from hilum.studies.running import Bench

Numbers = Mapping[str, Any]
"""What a question finds: all that its tables and figures need, as JSON holds it."""


@dataclass(frozen=True, slots=True)
class Table:
    """A table of a study's page.

    Attributes:
        head: names of the columns.
        rows: cells as they are shown; as many a row as there are columns.
        caption: a sentence above it: what the numbers are of, how many images of how many patients.
    """

    head: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    caption: str = ""


@dataclass(frozen=True, slots=True)
class Shown:
    """What a question puts into the page, in this order.

    Attributes:
        tables: with their captions.
        figures: name → what draws it; no patient's picture.
        words: sentences below; every number in them comes from the numbers.
    """

    tables: tuple[Table, ...] = ()
    figures: Mapping[str, Callable[[], Figure]] = field(default_factory=dict)
    words: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Question:
    """One question.

    Attributes:
        name: of its folder, and of its place in the page.
        title: for people.
        why: one sentence: what the study did, and what is asked.
        measure: with seeds, finds the numbers; what takes long it keeps in ``bench.out``, so that
            the same call goes on where it stopped.
        show: draws them; computes nothing that takes long.
        minutes: about how long it takes on two cores.
    """

    name: str
    title: str
    why: str
    measure: Callable[[Bench, Sequence[int]], Numbers]
    show: Callable[[Numbers], Shown]
    minutes: float


@dataclass(frozen=True, slots=True)
class Inquiry:
    """A study that is made of questions.

    Attributes:
        name: short.
        title: for people.
        about: a sentence or two.
        seeds: that every question is measured with.
        questions: in the order in which they are asked.
        data: in words: the layout that ``--data`` needs.
    """

    name: str
    title: str
    about: str
    seeds: tuple[int, ...]
    questions: tuple[Question, ...]
    data: str

    def question(self, name: str) -> Question:
        """The question of a name.

        Raises:
            RecipeError: there is none; the message lists near matches.
        """
        for one in self.questions:
            if one.name == name:
                return one
        raise RecipeError(unknown("question", name, [one.name for one in self.questions]))
