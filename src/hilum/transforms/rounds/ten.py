"""The ten rounds A to J: blur, gamma, sharpen, and stacks of them.

Source:
    A student group's system for COVID-19 at the bedside (docs/studies/rounds.md). Its text says
    both that each round works on the radiograph and that it works on the round before; and not
    which of the two settings of A to F the stacks G to J use. All four readings are here.
"""

from __future__ import annotations

from typing import Literal

from hilum.errors import RecipeError
from hilum.transforms.rounds.sets import Each, Round, RoundSet
from hilum.transforms.rounds.steps import Step

Stack = Literal["first", "second"]

BLURS = (Step.of("gaussian-blur", {"sigma_px": 1.0}), Step.of("gaussian-blur", {"sigma_px": 2.5}))
GAMMAS = (Step.of("gamma", {"exponent": 0.7}), Step.of("gamma", {"exponent": 1.3}))
SHARPENS = (
    Step.of("sharpen", {"alpha": 0.03, "lightness": 0.5}),
    Step.of("sharpen", {"alpha": 0.03, "lightness": 1.1}),
)


def ten(*, stack: Stack = "first", each: Each = "original", name: str = "ten") -> RoundSet:
    """The ten rounds.

    Args:
        stack: which settings the rounds G to J stack: the first of each pair (blur σ 1, gamma .7,
            lightness .5) or the second (σ 2.5, gamma 1.3, lightness 1.1).
        each: whether a round works on the radiograph or on what the round before made of it.
        name: of the set.

    Raises:
        RecipeError: another word for ``stack`` or ``each``.
    """
    if stack not in ("first", "second"):
        raise RecipeError(f'stack is "first" or "second", got {stack!r}.')
    at = 0 if stack == "first" else 1
    blur, gamma, sharpen = BLURS[at], GAMMAS[at], SHARPENS[at]
    rounds = (
        Round("A", (BLURS[0],)),
        Round("B", (BLURS[1],)),
        Round("C", (GAMMAS[0],)),
        Round("D", (GAMMAS[1],)),
        Round("E", (SHARPENS[0],)),
        Round("F", (SHARPENS[1],)),
        Round("G", (blur, gamma)),
        Round("H", (sharpen, blur)),
        Round("I", (gamma, sharpen)),
        Round("J", (gamma, blur, sharpen)),
    )
    works_on = "the radiograph" if each == "original" else "the round before"
    about = f"Rounds A to J, each on {works_on}; G to J stack the {stack} settings."
    return RoundSet(name, rounds, each, about)


TEN = ten()
TEN_SECOND = ten(stack="second", name="ten-second")
TEN_PREVIOUS = ten(each="previous", name="ten-previous")
TEN_PREVIOUS_SECOND = ten(stack="second", each="previous", name="ten-previous-second")
