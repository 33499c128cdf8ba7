"""A genetic search on the tune rows, reported on the test rows against what costs as much."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from hilum.errors import InvalidCard, MissingExtra
from hilum.imaging import read
from hilum.reading.rounds.measuring.evolving import Generation, Genome, evolve
from hilum.reading.rounds.measuring.judging import judge, threshold_of
from hilum.reading.rounds.measuring.larger import enlarged, side_for
from hilum.reading.rounds.measuring.numbers import Numbers, of_judged, of_run
from hilum.reading.rounds.measuring.rows import Rows
from hilum.reading.rounds.measuring.seeing import Eye, Tell, see
from hilum.reading.rounds.measuring.store import LookStore
from hilum.reading.rounds.measuring.sweeping import Options, Told, tune_score
from hilum.reading.rounds.plan import Plan
from hilum.transforms.preprocess import LONGEST_PX, normalise
from hilum.transforms.rounds import SETS, Chain, RoundSet, look, told

Floats = NDArray[np.float64]

A_LOOK = 1e-4
"""AUROC that one more look must gain on the tune rows to be worth its time."""
TIMED, REPEATS = 3, 3


def search(
    asked: Told,
    options: Options,
    *,
    tell: Tell = lambda step, done, total: None,
    stop: Callable[[], bool] = lambda: False,
) -> tuple[Numbers, Plan]:
    """Search for a plan on the tune rows, and report it on the test rows alone.

    Test rows decide nothing before the search has ended. The same arguments give the same search,
    so one that was stopped goes on.

    Args:
        asked: what looks at which rows for which finding; it must have learnt from none of them.
        options: draws, seed, workers, and how long to search.
        tell: told "search" and "look", how many are done, and of how many.
        stop: asked between pictures.

    Returns:
        All numbers, and the plan that was found, with its operating point of the tune rows.

    Raises:
        Stopped: it was asked to stop.
        LabelError: too few patients are left of those that could be read.
    """
    eye, rows, store, finding = asked.eye, asked.rows, asked.store, asked.finding
    unseen = see(eye, rows.pictures, [()], store, workers=options.workers, stop=stop)
    rows = rows.keep(np.array([one.name not in unseen for one in rows.pictures]))
    rows.check(finding)
    tuned = Told(eye, rows.keep(rows.tune), store, finding)
    done = 0

    def fitness(genomes: Sequence[Genome]) -> list[float]:
        nonlocal done
        chains = list(dict.fromkeys(chain for one in genomes for chain in one.looks))
        see(eye, tuned.rows.pictures, chains, store, workers=options.workers, stop=stop)
        done += 1
        tell("search", done, options.generations)
        return [tune_score(tuned, one.plan()) - A_LOOK * (len(one.looks) - 1) for one in genomes]

    rng = np.random.default_rng(options.seed)
    history = evolve(
        fitness, rng=rng, population=options.population, generations=options.generations
    )
    tell("search", options.generations, options.generations)
    best = history[-1].best.plan()
    sides = [_plain(), best, Plan(SETS.resolve("five-crop"))]
    for plan in sides:
        chains = plan.rounds.chains
        see(eye, rows.pictures, chains, store, workers=options.workers, tell=tell, stop=stop)
    whole = Told(eye, rows, store, finding)
    point = threshold_of(rows, whole.joined(best.rounds, best.join, 0.5))
    best = replace(best, operating_points={finding: point})
    plain = whole.look(())
    found = [_side(whole, plan, plain, options) for plan in sides]
    larger, why = _larger(whole, len(best.rounds.rounds), options, plain)
    times = _times(eye, rows, sides)
    for one, seconds in zip(found, times, strict=True):
        one["seconds"] = seconds
    return {
        "kind": "search",
        **of_run(eye, rows, finding, unseen),
        "samples": options.samples,
        "seed": options.seed,
        "population": options.population,
        "generations": [_generation(one) for one in history],
        "looks": [told(chain) for chain in best.rounds.chains],
        "join": best.join,
        "sides": found + ([larger] if larger else []),
        "no_larger": why,
    }, best


def _plain() -> Plan:
    return Plan(SETS.resolve("plain"))


def _generation(one: Generation) -> Numbers:
    return {
        "fitness": one.fitness,
        "mean": one.mean,
        "tried": one.tried,
        "looks": len(one.best.looks),
    }


def _side(whole: Told, plan: Plan, plain: Floats, options: Options) -> Numbers:
    values = whole.joined(plan.rounds, plan.join, 0.5)
    judged = judge(whole.rows, values, plain, samples=options.samples, seed=options.seed)
    name = {"searched": "the plan that was found", "plain": "one plain look"}
    own = plan.rounds.name
    return {"name": name.get(own, own), "looks": len(plan.rounds.rounds), **of_judged(judged)}


def _larger(whole: Told, looks: int, options: Options, plain: Floats) -> tuple[Numbers | None, str]:
    """The network on an input of as many times the area; None and the reason where it cannot."""
    eye, rows, store = whole.eye, whole.rows, whole.store
    size = side_for(eye.bundle.card.preprocessing.size, looks)
    if size == eye.bundle.card.preprocessing.size:
        return None, "the plan that was found takes one look, as the plain one does"
    try:
        big = enlarged(eye, size)
    except (InvalidCard, MissingExtra) as error:
        return None, str(error)
    path = store.path.with_name(f"{store.path.stem}-{size[0]}x{size[1]}.sqlite")
    with LookStore(path, big.network) as own:
        see(big, rows.pictures, [()], own, workers=options.workers)
        values = Told(big, rows, own, whole.finding).look(())
    judged = judge(rows, values, plain, samples=options.samples, seed=options.seed)
    seconds = _times(big, rows, [_plain()])[0]
    name = f"one look at {size[0]} × {size[1]} px"
    return {"name": name, "looks": 1, "seconds": seconds, **of_judged(judged)}, ""


def _times(eye: Eye, rows: Rows, plans: Sequence[Plan]) -> list[float]:
    """Seconds an image from the file to logits, warm, the median of some images in turns."""
    taken: list[list[float]] = [[] for _ in plans]
    for repeat in range(REPEATS + 1):
        for picture in rows.pictures[:TIMED]:
            for at, plan in enumerate(plans):
                begun = time.perf_counter()
                _once(eye, picture.path, plan.rounds)
                if repeat:
                    taken[at].append(time.perf_counter() - begun)
    return [statistics.median(one) for one in taken]


def _once(eye: Eye, path: object, own: RoundSet) -> None:
    radiograph = read(str(path), longest_px=LONGEST_PX)
    spec = eye.bundle.card.preprocessing
    chains: tuple[Chain, ...] = own.chains
    for grey, _ in look(radiograph.pixels, chains, spec, eye.part(radiograph)):
        eye.graph(normalise(grey, spec)[None])
