"""The catalogue: a TOML file a publisher, an entry a network."""

from __future__ import annotations

import math
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from hilum.domain.findings import from_label
from hilum.errors import UnknownName
from hilum.registry import unknown

FOLDER = Path(__file__).parent


@dataclass(frozen=True, slots=True)
class Output:
    """One output of a published network.

    Attributes:
        label: its publisher's word; "" where the output was not trained.
        key: in :mod:`hilum.domain.findings`; "" likewise.
        threshold: published operating point on the sigmoid of the output; None without.
    """

    label: str
    key: str
    threshold: float | None

    @property
    def is_taken(self) -> bool:
        """Whether it becomes a finding of the bundle: it was trained and has an operating point."""
        return bool(self.key) and self.threshold is not None


@dataclass(frozen=True, slots=True)
class PublishedNetwork:
    """A network as its authors publish it.

    Attributes:
        name: of the bundle that it becomes.
        theirs: what its publisher calls it.
        summary: one sentence.
        publisher: who publishes it.
        home: the publisher's page.
        url: where the file is.
        bytes: size of the file; None where not known.
        sha256: digest of the file; None where not known.
        digest_from: in words, how the digest is known.
        licence: of the file, an SPDX identifier.
        licence_url: its text.
        citation: what to cite.
        intended_use: what it may be used for.
        not_for: what it must not be used for.
        learnt_from: collections, by their key in ``hilum datasets list`` or in ``collections``.
        collections: key → (name, licence) of those that ``hilum datasets list`` does not hold.
        backbone: in :func:`hilum.models.backbones.build_backbone`.
        classifier: name of its last, linear layer.
        size_px: rows, and columns, of its input.
        value_range: what grey 0 and grey 1 are in its input.
        outputs: in its order.
        sigmoids: how often a sigmoid was applied when its operating points were measured.
    """

    name: str
    theirs: str
    summary: str
    publisher: str
    home: str
    url: str
    bytes: int | None
    sha256: str | None
    digest_from: str
    licence: str
    licence_url: str
    citation: str
    intended_use: str
    not_for: tuple[str, ...]
    learnt_from: tuple[str, ...]
    collections: Mapping[str, tuple[str, str]]
    backbone: str
    classifier: str
    size_px: int
    value_range: tuple[float, float]
    outputs: tuple[Output, ...]
    sigmoids: int = 1

    @property
    def file(self) -> str:
        """The name of the file at its address."""
        return self.url.rpartition("/")[2]

    @property
    def taken(self) -> tuple[Output, ...]:
        """The outputs that become findings, in their order."""
        return tuple(output for output in self.outputs if output.is_taken)


@cache
def networks() -> Mapping[str, PublishedNetwork]:
    """Every network of the catalogue, by name."""
    found: dict[str, PublishedNetwork] = {}
    for file in sorted(FOLDER.glob("*.toml")):
        said = tomllib.loads(file.read_text("utf-8"))
        for entry in said["network"]:
            network = _network(said["publisher"], entry)
            if network.name in found:
                raise ValueError(f"{network.name} stands twice in the catalogue")
            found[network.name] = network
    return found


def published(name: str) -> PublishedNetwork:
    """A network by its name, or by its publisher's.

    Raises:
        UnknownName: no such network; the message lists near matches.

    Example:
        >>> published("densenet121-res224-all").name
        'txrv-densenet121-all'
    """
    known = networks()
    theirs = {network.theirs: network for network in known.values()}
    if name not in known and name not in theirs:
        raise UnknownName(
            f"{unknown('published network', name, known)} `hilum bundles list --published` lists "
            "them."
        )
    return known.get(name) or theirs[name]


def _network(publisher: Mapping[str, Any], entry: Mapping[str, Any]) -> PublishedNetwork:
    low, high = entry["value_range"]
    return PublishedNetwork(
        name=entry["name"],
        theirs=entry["theirs"],
        summary=entry["summary"],
        publisher=publisher["name"],
        home=publisher["home"],
        url=entry["url"],
        bytes=entry.get("bytes"),
        sha256=entry.get("sha256"),
        digest_from=entry.get("digest_from", ""),
        licence=publisher["licence"],
        licence_url=publisher["licence_url"],
        citation=publisher["citation"],
        intended_use=publisher["intended_use"],
        not_for=tuple(publisher["not_for"]),
        learnt_from=tuple(entry["learnt_from"]),
        collections={
            key: (one["name"], one["licence"]) for key, one in publisher["collections"].items()
        },
        backbone=entry["backbone"],
        classifier=entry["classifier"],
        size_px=entry["size_px"],
        value_range=(low, high),
        outputs=tuple(_output(**one) for one in entry["outputs"]),
        sigmoids=entry.get("sigmoids", 1),
    )


def _output(label: str, threshold: float) -> Output:
    return Output(
        label,
        from_label(label).key if label else "",
        None if math.isnan(threshold) else threshold,
    )
