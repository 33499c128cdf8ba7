"""A small genetic algorithm over plans: which looks, in which order, with which numbers."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import TypeVar

import numpy as np

from hilum.reading.rounds.joining import Join
from hilum.reading.rounds.plan import Plan
from hilum.transforms.rounds import TRANSFORMS, Chain, Round, RoundSet, Step, Transform

T = TypeVar("T")
MOST_ROUNDS, MOST_STEPS = 5, 3
JOINS: tuple[Join, ...] = ("mean", "maximum", "trimmed")
"""A vote ties too often to be told apart by AUROC; weights are learnt apart."""
TOURNAMENT, ELITE = 3, 2


@dataclass(frozen=True, slots=True)
class Genome:
    """A plan as the search handles it.

    Attributes:
        looks: one or more different chains; an empty one is the plain look.
        join: how they are put together.
    """

    looks: tuple[Chain, ...]
    join: Join = "mean"

    def plan(self, name: str = "searched") -> Plan:
        """The plan that it stands for."""
        rounds = tuple(Round(f"{at}", chain) for at, chain in enumerate(self.looks, 1))
        return Plan(RoundSet(name, rounds, about="Found by a genetic search."), self.join)


Fitness = Callable[[Sequence[Genome]], Sequence[float]]


@dataclass(frozen=True, slots=True)
class Generation:
    """One generation.

    Attributes:
        best: the fittest so far.
        fitness: of it.
        mean: fitness of this generation.
        tried: different genomes so far.
    """

    best: Genome
    fitness: float
    mean: float
    tried: int


def evolve(
    fitness: Fitness,
    *,
    rng: np.random.Generator,
    population: int = 16,
    generations: int = 8,
    transforms: Sequence[str] = tuple(TRANSFORMS),
) -> list[Generation]:
    """Search.

    Args:
        fitness: of some genomes, each asked for once; more is better.
        rng: the only source of chance: the same state gives the same search.
        population: genomes a generation; the first holds the plain look.
        generations: how many.
        transforms: names of those that steps may use.

    Returns:
        One a generation. The best never gets worse.
    """
    known: dict[Genome, float] = {}
    people = [Genome(((),))]
    while len(people) < population:
        people.append(random_genome(rng, transforms))
    history: list[Generation] = []
    for _ in range(generations):
        new = [one for one in dict.fromkeys(people) if one not in known]
        known |= dict(zip(new, fitness(new), strict=True)) if new else {}
        ranked = sorted(dict.fromkeys(people), key=lambda one: -known[one])
        best = max(known, key=lambda one: known[one])
        mean = float(np.mean([known[one] for one in people]))
        history.append(Generation(best, known[best], mean, len(known)))
        people = [best, *(one for one in ranked if one != best)][:ELITE]
        while len(people) < population:
            one, two = (_tournament(ranked, known, rng) for _ in range(2))
            people.append(mutate(cross(one, two, rng), rng, transforms))
    return history


def random_genome(rng: np.random.Generator, transforms: Sequence[str]) -> Genome:
    """One to three looks, of which one is often plain."""
    count = int(rng.integers(1, 4))
    looks: list[Chain] = [_chain(rng, transforms) for _ in range(count)]
    if rng.random() < 0.5:
        looks[0] = ()
    return Genome(tuple(dict.fromkeys(looks)), _pick(rng, JOINS))


def cross(one: Genome, two: Genome, rng: np.random.Generator) -> Genome:
    """Each look of either parent with an even chance, at least one, and the join of one."""
    pool = list(dict.fromkeys((*one.looks, *two.looks)))
    kept = [look for look in pool if rng.random() < 0.5][:MOST_ROUNDS]
    return Genome(tuple(kept or [_pick(rng, pool)]), _pick(rng, (one.join, two.join)))


def mutate(genome: Genome, rng: np.random.Generator, transforms: Sequence[str]) -> Genome:
    """One change: a look more or less, another join, or another step, order or number in a look."""
    looks, kind = list(genome.looks), int(rng.integers(6))
    if kind == 0 and len(looks) < MOST_ROUNDS:
        looks.append(_chain(rng, transforms))
    elif kind == 1 and len(looks) > 1:
        looks.pop(int(rng.integers(len(looks))))
    elif kind == 2:
        return replace(genome, join=_pick(rng, JOINS))
    else:
        at = int(rng.integers(len(looks)))
        looks[at] = _changed(looks[at], rng, transforms)
    return replace(genome, looks=tuple(dict.fromkeys(looks)))


def _changed(chain: Chain, rng: np.random.Generator, transforms: Sequence[str]) -> Chain:
    steps = list(chain)
    kind = int(rng.integers(4))
    if not steps or (kind == 0 and len(steps) < MOST_STEPS):
        steps.insert(int(rng.integers(len(steps) + 1)), _step(_pick(rng, transforms), rng))
    elif kind == 1:
        steps.pop(int(rng.integers(len(steps))))
    elif kind == 2 and len(steps) > 1:
        one, two = rng.choice(len(steps), 2, replace=False).tolist()
        steps[one], steps[two] = steps[two], steps[one]
    else:
        at = int(rng.integers(len(steps)))
        steps[at] = _nudged(steps[at], rng)
    return tuple(steps)


def _chain(rng: np.random.Generator, transforms: Sequence[str]) -> Chain:
    count = int(rng.integers(1, MOST_STEPS))
    return tuple(_step(_pick(rng, transforms), rng) for _ in range(count))


def _step(do: str, rng: np.random.Generator) -> Step:
    transform: Transform = TRANSFORMS.resolve(do)
    return Step.of(do, {one.name: _pick(rng, one.grid) for one in transform.parameters})


def _nudged(step: Step, rng: np.random.Generator) -> Step:
    """One number moved to a neighbour on its grid; a step without numbers stays."""
    transform = step.transform
    if not transform.parameters:
        return step
    one = transform.parameters[int(rng.integers(len(transform.parameters)))]
    at = one.grid.index(step.params[one.name])
    near = [place for place in (at - 1, at + 1) if 0 <= place < len(one.grid)]
    return Step.of(step.do, step.params | {one.name: one.grid[_pick(rng, near)]})


def _tournament(
    ranked: Sequence[Genome], known: dict[Genome, float], rng: np.random.Generator
) -> Genome:
    entered = rng.integers(len(ranked), size=min(TOURNAMENT, len(ranked))).tolist()
    return max((ranked[at] for at in entered), key=lambda one: known[one])


def _pick(rng: np.random.Generator, choices: Sequence[T]) -> T:
    return choices[int(rng.integers(len(choices)))]
