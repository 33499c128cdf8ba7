"""What a sweep tries: single transforms, pairs in both orders, triples in six, sets of rounds."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import permutations

from hilum.reading.rounds.joining import Join
from hilum.reading.rounds.plan import Plan
from hilum.transforms.rounds import SETS, Chain, Round, RoundSet, Step, told
from hilum.transforms.rounds.ten import BLURS, GAMMAS, SHARPENS

ADDED = (-10.0, 0.01, 0.1, 10.0, 100.0)
MULTIPLIED = (0.99, 1.01, 1.1, 1.5)
LIGHTNESS = (0.05, 0.5, 1.1, 1.5)
ALPHA = 0.03
GAMMA_RANGES = (
    *((0.5, high) for high in (0.5, 1.0, 1.5, 2.0, 2.5)),
    *((low, 2.5) for low in (1.0, 1.5, 2.0, 2.5)),
)
"""The study drew an exponent from each of these ranges."""
BLUR_RANGES = (
    *((0.0, float(high)) for high in range(1, 10)),
    *((float(low), 1.0) for low in range(1, 6)),
)
"""The study drew a standard deviation from each of these."""
SET_JOINS: tuple[Join, ...] = ("mean", "vote", "maximum", "trimmed")


@dataclass(frozen=True, slots=True)
class Arm:
    """One thing that is tried.

    Attributes:
        group: "plain", "single", "pair", "triple" or "rounds".
        name: unique.
        plan: how the radiograph is read.
        about: whose setting it is.
    """

    group: str
    name: str
    plan: Plan
    about: str = ""

    @property
    def chains(self) -> tuple[Chain, ...]:
        """What the network is shown."""
        return self.plan.rounds.chains


def arms(sets: tuple[str, ...] = tuple(SETS)) -> tuple[Arm, ...]:
    """All arms of a sweep, each chain once among singles, pairs and triples.

    Args:
        sets: of rounds, joined in every way but by learnt weights.
    """
    found = [_look("plain", ())]
    found += [_look("single", (step,), about) for step, about in singles()]
    for about, steps in (
        ("first settings", (BLURS[0], GAMMAS[0], SHARPENS[0])),
        ("second settings", (BLURS[1], GAMMAS[1], SHARPENS[1])),
    ):
        for size, group in ((2, "pair"), (3, "triple")):
            found += [_look(group, chain, about) for chain in permutations(steps, size)]
    for name in sets:
        own: RoundSet = SETS.resolve(name)
        if len(own.rounds) > 1:
            found += [
                Arm("rounds", f"{name}, {join}", Plan(own, join), own.about) for join in SET_JOINS
            ]
    return tuple(found)


def singles() -> tuple[tuple[Step, str], ...]:
    """Single transforms at the study's settings, each once.

    Of a range both ends and the middle are tried, for a range that is drawn from has no one value;
    values that change nothing are left out, for the plain look stands for them.
    """
    found: dict[Step, str] = {}
    for value in ADDED:
        found.setdefault(Step.of("add", {"by_255": value}), "")
    for value in MULTIPLIED:
        found.setdefault(Step.of("multiply", {"by": value}), "")
    for value in LIGHTNESS:
        found.setdefault(Step.of("sharpen", {"alpha": ALPHA, "lightness": value}), "")
    for do, name, nothing, ranges, others in (
        ("gamma", "exponent", 1.0, GAMMA_RANGES, GAMMAS),
        ("gaussian-blur", "sigma_px", 0.0, BLUR_RANGES, BLURS),
    ):
        values = {v for low, high in ranges for v in (low, (low + high) / 2, high)}
        values |= {step.params[name] for step in others}
        for value in sorted(values - {nothing}):
            found.setdefault(Step.of(do, {name: value}), "")
    return tuple(found.items())


def _look(group: str, chain: Chain, about: str = "") -> Arm:
    name = told(chain)
    return Arm(group, name, Plan(RoundSet(name, (Round("look", chain),))), about)
