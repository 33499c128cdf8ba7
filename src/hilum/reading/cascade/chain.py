"""A cascade with its bundles: what the file says, checked against what the bundles read."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from hilum.bundles import Bundle
from hilum.bundles import load as load_bundle
from hilum.bundles.card import CardFinding
from hilum.bundles.cascades import Cascade, Condition
from hilum.bundles.cascades import load as load_cascade
from hilum.bundles.cascades.store import listed
from hilum.errors import BundleError, CascadeError
from hilum.registry import unknown


@dataclass(frozen=True, slots=True, eq=False)
class ChainStage:
    """One stage with its bundle.

    Attributes:
        name: of the stage.
        bundle: what reads.
        when: where it reads; None: everywhere.
        abstain: finding → (low, high): probabilities between which no decision is made.
    """

    name: str
    bundle: Bundle
    when: Condition | None
    abstain: Mapping[str, tuple[float, float]]


@dataclass(frozen=True, slots=True, eq=False)
class Chain:
    """A cascade whose bundles are loaded and read what its conditions ask for.

    Attributes:
        name: of the cascade.
        version: of the cascade.
        summary: one sentence.
        digest: SHA-256 over the stages, their conditions and the digests of their bundles.
        stages: in the order in which they read.
    """

    name: str
    version: str
    summary: str
    digest: str
    stages: tuple[ChainStage, ...]

    def __str__(self) -> str:
        return f"{self.name} {self.version}"

    @classmethod
    def of(cls, cascade: Cascade | str | Path) -> Chain:
        """Load a cascade and its bundles, each bundle once.

        Args:
            cascade: a cascade, a name from ``hilum cascades list``, or a TOML file.

        Raises:
            CascadeError: there is no such cascade, it is invalid, a bundle cannot be loaded or has
                no findings, or a condition asks for what its bundle does not read or has no
                operating point for; the message lists every fault.
        """
        said = cascade if isinstance(cascade, Cascade) else load_cascade(cascade)
        loaded: dict[str, Bundle | BundleError] = {}
        for stage in said.stages:
            if stage.bundle not in loaded:
                loaded[stage.bundle] = _loaded(stage.bundle)
        bundles = {stage.name: loaded[stage.bundle] for stage in said.stages}
        found = list(_faults(said, bundles))
        if found:
            raise CascadeError(listed(said.name, found))
        stages = tuple(
            ChainStage(stage.name, bundle, stage.when, stage.abstain)
            for stage in said.stages
            if isinstance(bundle := bundles[stage.name], Bundle)
        )
        return cls(said.name, said.version, said.summary, _digest(said, stages), stages)


def _loaded(bundle: str) -> Bundle | BundleError:
    try:
        return load_bundle(bundle)
    except BundleError as error:
        return error


def _faults(cascade: Cascade, bundles: Mapping[str, Bundle | BundleError]) -> Iterator[str]:
    for stage in cascade.stages:
        bundle = bundles[stage.name]
        if isinstance(bundle, BundleError):
            yield f"stage {stage.name}: {bundle}"
            continue
        card = bundle.card
        if not card.findings:
            yield (
                f"stage {stage.name}: bundle {bundle} has no findings to read: it draws "
                f"{', '.join(card.structures)}; name another bundle"
            )
            continue
        for key in stage.abstain:
            if key not in card.keys:
                where = f"finding of bundle {bundle} to abstain on"
                yield f"stage {stage.name}: {unknown(where, key, card.keys)}"
    for stage in cascade.stages:
        for leaf in stage.when.leaves() if stage.when else ():
            fault = _condition_fault(leaf, bundles)
            if fault:
                yield f"stage {stage.name}: its condition “{leaf}”: {fault}"


def _condition_fault(leaf: Condition, bundles: Mapping[str, Bundle | BundleError]) -> str | None:
    if leaf.finding is None:
        return None
    name, key = leaf.asked
    bundle = bundles[name]
    if isinstance(bundle, BundleError) or not bundle.card.findings:
        return None  # that is told already
    rows = {row.key: row for row in bundle.card.findings}
    if key not in rows:
        return unknown(f"finding of bundle {bundle} in stage {name}", key, rows)
    if leaf.is_ in {"positive", "negative"} and _has_no_point(rows[key]):
        return (
            f"bundle {bundle} has no operating point of {key} that was chosen (0.5 stands on its "
            "card for none): ask for probability_below or probability_at_least, or state an "
            "operating point on the card"
        )
    return None


def _has_no_point(row: CardFinding) -> bool:
    """Whether the card only has what stands there when nothing is said."""
    point = row.operating_point
    measured = (point.sensitivity, point.specificity) != (None, None)
    return not measured and point.rule == "given" and point.threshold == 0.5


def _digest(cascade: Cascade, stages: tuple[ChainStage, ...]) -> str:
    said = cascade.model_dump(mode="json", by_alias=True)
    for stage, one in zip(said["stage"], stages, strict=True):
        stage["bundle"] = one.bundle.digest
    return hashlib.sha256(json.dumps(said, sort_keys=True).encode()).hexdigest()
