"""Under which terms a published network may be used, in words; no torch."""

from __future__ import annotations

from hilum.bundles.published import PublishedNetwork
from hilum.datasets.collections import COLLECTIONS


def learnt_from(network: PublishedNetwork) -> tuple[tuple[str, str], ...]:
    """(name, licence) of the collections that a network learnt from."""
    return tuple(
        network.collections[key] if key in network.collections else _collection(key)
        for key in network.learnt_from
    )


def licence(network: PublishedNetwork) -> str:
    """The licence for the card: of the file, and that the collections have theirs."""
    return (
        f"{network.licence} of {network.publisher}; the collections that it learnt from have terms "
        "of their own, read them before passing it on"
    )


def terms(network: PublishedNetwork) -> list[str]:
    """What is to be accepted, a line each."""
    size = f", {network.bytes:,} bytes" if network.bytes else ""
    return [
        f"{network.name}: {network.summary}",
        f"From: {network.url}{size}",
        f"Licence of the file: {network.licence}, {network.licence_url}",
        *(f"It learnt from {name}. {said}" for name, said in learnt_from(network)),
        f"Cite: {network.citation}",
        f"For: {network.intended_use}",
        *(f"Not for: {use}" for use in network.not_for),
        "Hilum has not measured it.",
    ]


def _collection(key: str) -> tuple[str, str]:
    found = COLLECTIONS.resolve(key)
    return found.title, found.licence
