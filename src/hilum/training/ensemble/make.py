"""Runs → one network, calibrated and measured anew → a bundle."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from pydantic import ValidationError

from hilum.bundles import Bundle, Card
from hilum.bundles.card import CardFinding, Result, TrainingData
from hilum.datasets.pack import Pack, is_pack
from hilum.errors import RunError
from hilum.export.bundle import export_bundle
from hilum.models.classifier import Classifier
from hilum.reading.gate import Statistics
from hilum.training.card import make_card, measured, reference_of, slopes, strata_in_words
from hilum.training.ensemble.judge import gains, judge
from hilum.training.ensemble.kinds import How, Joined, join
from hilum.training.ensemble.members import Member, pictures, read_member
from hilum.training.gate import refused, share_refused
from hilum.training.measuring import began_in_words
from hilum.training.metrics import UNCHOSEN
from hilum.training.numbers import calibrate
from hilum.training.recipe import Recipe
from hilum.training.recipe.bundle import Bundle as Said
from hilum.training.rows import Labelled, Rows

HOW: tuple[How, ...] = ("mean", "weights", "one-each", "folds")
EXPORTED = 16
"""Radiographs on which the graph is compared with torch."""


@dataclass(frozen=True, slots=True)
class Told:
    """What the card says of an ensemble, in the user's words; "" for words of Hilum's.

    Attributes:
        name: of the bundle.
        version: of the bundle.
        summary: one sentence.
    """

    name: str = ""
    version: str = "0.1.0"
    summary: str = ""


@dataclass(frozen=True, slots=True)
class Ensemble:
    """A bundle of several networks.

    Attributes:
        bundle: written and verified.
        size: of its files, bytes.
        member_sizes: name of a run → bytes of its own bundle.
        networks: that each radiograph goes through.
    """

    bundle: Bundle
    size: int
    member_sizes: dict[str, int]
    networks: int


def make_ensemble(
    runs: Sequence[Path],
    out: Path,
    *,
    how: How = "mean",
    data: Path | None = None,
    told: Told = Told(),
    tell: Callable[[str], None] = lambda _: None,
) -> Ensemble:
    """Make one bundle of networks that runs have trained.

    Args:
        runs: folders of finished runs: two or more, or one for "folds".
        out: a new folder, or a path that ends in ``.hilum``.
        how: "mean" of log-odds; mean of "weights"; "one-each", each run asking other findings;
            "folds", the mean of the log-odds of one run's fold networks.
        data: pack that runs learnt from which hold no pictures of their own.
        told: for the card.
        tell: takes what is going on, a sentence each.

    Returns:
        The bundle, calibrated on out-of-fold predictions of the ensemble and measured on
        radiographs that no member had seen. Of "folds" there are no such predictions: calibration
        is that of single members, marked as not to be trusted, and only a test part measures it.

    Raises:
        RunError: the runs cannot be one ensemble, or could not be measured as one.
        BundleError: ``out`` exists, or the graph differs from torch by more than 1e-4.
    """
    if out.exists():
        raise RunError(f"{out} exists already; choose another path with -o, or remove it.")
    members = [read_member(folder, data) for folder in runs]
    if not members:
        raise RunError("Name the folders of the runs.")
    tell(f"Reading {', '.join(member.name for member in members)} …")
    joined = join(how, members, tell)
    first, material = members[0], joined.material
    recipe = first.recipe.model_copy(update={"bundle": _said(how, members, joined, told)})
    findings, results = _numbers(recipe, joined, _began(members), tell)
    tell("Fitting the gate …")
    lead = _lead(joined.network)
    statistics = Statistics.fit(
        judge(lead, first.material.served(recipe, material.rows)).features,
        np.random.default_rng(recipe.seed),
    )
    results += _gate(first, lead, statistics, tell)
    card = _card(how, members, joined, recipe, (findings, results))
    tell("Writing the bundle, and comparing it with torch …")
    some = pictures(material, recipe, material.split.parts["tune"], EXPORTED)
    bundle = export_bundle(joined.network, card, statistics.to_bytes(), some, out)
    sizes = {member.name: _size(member.bundle.location) for member in members}
    return Ensemble(bundle, _size(out), sizes, _count(joined.network))


def _said(how: How, members: Sequence[Member], joined: Joined, told: Told) -> Said:
    each = [member.recipe.bundle for member in members]
    first = each[0]
    not_measured = joined.single and "test" not in joined.material.split.parts
    summary = told.summary or (
        f"{joined.words[0].upper()}{joined.words[1:]}: {first.summary}"
        + (" Not measured as a whole." if not_measured else "")
    )
    try:
        return Said(
            name=told.name or f"{first.name[: 63 - len(how)]}-{how}",
            version=told.version,
            summary=summary,
            intended_use=" ".join(dict.fromkeys(one.intended_use for one in each)),
            not_for=tuple(dict.fromkeys(use for one in each for use in one.not_for)),
            licence=" and ".join(dict.fromkeys(one.licence for one in each)),
        )
    except ValidationError as error:
        wrong = ", ".join(f"--{fault['loc'][0]} {fault['input']!r}" for fault in error.errors())
        raise RunError(
            f"{wrong}: names are of lower case letters, digits and hyphens, at most 64; versions "
            "like 0.1.0."
        ) from error


def _began(members: Sequence[Member]) -> str:
    """What members' starts may know of the rows that runs kept away; "" where that is nothing."""
    each = [
        (member.name, began_in_words(member.recipe, start))
        for member in members
        for start in member.bundle.card.start or (None,)
    ]
    if len({said for _, said in each}) == 1:
        return each[0][1]
    return "".join(said.replace("all networks", name, 1) for name, said in each)


def _numbers(
    recipe: Recipe, joined: Joined, began: str, tell: Callable[[str], None]
) -> tuple[list[CardFinding], list[Result]]:
    material, parts, strata = joined.material, joined.material.split.parts, strata_in_words(recipe)
    known, keys = material.labelled, material.table.findings
    results: list[Result] = []
    if joined.held is not None:
        rows, odds = joined.held.rows, joined.held.odds
        whose = "single members" if joined.single else "the ensemble"
        fitted_on = f"out-of-fold log-odds of train and tune, of {whose}"
        split = f"train and tune, out of fold, {whose}"
        if joined.single:
            note = "each image judged by the one network that saw nothing of its patient in the "
            note += "run; not the ensemble, whose other networks learnt from it"
            fitted_on += ", not of their mean, which lies closer together"
        else:
            note = "each image judged by networks that saw nothing of its patient in their runs"
        note += began
        results += measured(recipe, material, rows, odds, split=split, note=note)
        if joined.rivals:
            results += gains(
                reference_of(material, rows), odds, joined.rivals,
                split=split, seed=recipe.seed, strata=strata,
            )  # fmt: skip
    else:
        tell("Not every run has folds: the tuning rows calibrate, which chose the checkpoints too.")
        assert joined.tuned is not None
        rows, odds, _ = joined.judge(joined.tuned)
        fitted_on = "log-odds of tune, whose rows chose the checkpoints too: take it with care"
        note = "these rows chose the checkpoints and the calibration, so the number flatters"
        note += began
        results += measured(recipe, material, rows, odds, split="tune", note=note)
    targets, mask, patients = known.targets[rows], known.mask[rows], known.patients[rows]
    findings = [*calibrate(keys, odds, targets, mask, fitted_on, patients)]
    if joined.single:
        findings = [_not_trusted(one) for one in findings]
    if "test" in parts:
        tell("Reading the test part …")
        rows, odds, rivals = joined.judge(parts["test"])
        note = "the ensemble that ships; no run learnt from these rows, nor chose by them"
        note += began
        words = {"split": "test", "note": note}
        results += measured(recipe, material, rows, odds, **words)
        results += slopes(findings, material, rows, odds, **words)
        if rivals:
            results += gains(
                reference_of(material, rows), odds, rivals,
                split="test", seed=recipe.seed, strata=strata,
            )  # fmt: skip
    elif joined.single:
        tell(
            "No number of the ensemble itself: the run has no test part, and every other "
            "radiograph was seen by all but one of its networks. The card tells those of single "
            "members."
        )
    return findings, results


def _not_trusted(one: CardFinding) -> CardFinding:
    calibration = one.calibration.model_copy(update={"trusted": False})
    return one.model_copy(update={"calibration": calibration})


def _gate(
    member: Member, lead: Classifier, statistics: Statistics, tell: Callable[[str], None]
) -> list[Result]:
    """How often the gate would refuse the sources that the first run measured its own on."""
    results: list[Result] = []
    for at, where in enumerate(member.recipe.gate.measured):
        source = ", ".join(f"{column} {value}" for column, value in where.items())
        place = member.folder / f"gate-{at}"
        if not is_pack(place):
            tell(f"The gate is not measured on {source}: {member.name} holds no pictures of it.")
            continue
        images = Pack.open(place)
        blank = np.zeros((len(images), 1), np.float32)
        unknown = Labelled(blank, blank > 0, images.names)
        rows = np.arange(len(images))
        found = judge(lead, Rows(images, unknown, rows, spec=member.recipe.input))
        shown = images.select(found.rows)
        results.append(share_refused(refused(statistics, found.features, shown), source))
    return results


def _card(
    how: How,
    members: Sequence[Member],
    joined: Joined,
    recipe: Recipe,
    numbers: tuple[Sequence[CardFinding], Sequence[Result]],
) -> Card:
    networks = dict.fromkeys(member.bundle.card.network for member in members)
    card = make_card(
        recipe,
        joined.material,
        joined.network,
        numbers,
        weights=None,
        words=f"{joined.words}: {'; '.join(networks)}",
        provenance={"ensemble": how, "seeds": ", ".join(str(m.recipe.seed) for m in members)},
    )
    provenance = dict(card.provenance)
    if how != "weights":  # no recipe makes this network; those of its members do
        del provenance["recipe"]
    for at, member in enumerate(members):
        provenance[f"member {at + 1}"] = f"{member.bundle}, digest {member.bundle.digest}"
        provenance[f"recipe of member {at + 1}"] = member.recipe.model_dump_json()
    begun = dict.fromkeys(start for member in members for start in member.bundle.card.start)
    divided = {member.material.split.digest for member in members}
    last = any(member.recipe.fit.best == UNCHOSEN for member in members)
    both = len(divided) > 1 or last or how == "folds"
    data = tuple(map(_taught_and_chose, card.data)) if both else card.data
    return card.model_copy(update={"provenance": provenance, "start": tuple(begun), "data": data})


def _taught_and_chose(data: TrainingData) -> TrainingData:
    """Of a part from which some of the networks learnt, and by which others may be chosen."""
    name = re.sub(r"\(.*\)$", "(weights, choice of checkpoint, calibration, gate)", data.name)
    return data.model_copy(update={"name": name})


def _lead(network: Classifier) -> Classifier:
    """The network whose features the gate measures."""
    inside = getattr(network, "networks", None)
    return network if inside is None else inside[0]


def _count(network: Classifier) -> int:
    return len(getattr(network, "networks", (network,)))


def _size(place: Path) -> int:
    files = [place] if place.is_file() else [file for file in place.rglob("*") if file.is_file()]
    return sum(file.stat().st_size for file in files)
