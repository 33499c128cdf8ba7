"""Tested images that the model may have learnt from."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator, Mapping

import numpy as np
from numpy.typing import NDArray

from hilum.bundles.card import Card
from hilum.domain import LabelTable
from hilum.domain.text import Text, coded

_ROLES = re.compile(r": (?P<part>\w+) \((?P<roles>[^()]*)\)$")
"""At the end of a name of the card's data: a part of the split, and what it was for."""


def learnt_from(
    card: Card | None,
    table: LabelTable,
    tested: NDArray[np.bool_],
    *,
    tuned_on_tune: bool,
    tuned: NDArray[np.bool_] | None = None,
) -> Iterator[str]:
    """What can be known of tested images that the model learnt from, a sentence each.

    A card names no image; it holds the digest of its split, which is made of the images' names. A
    part of the table whose split has that digest is the one that the bundle learnt from. Otherwise
    the table's split is all that there is to go by.

    Args:
        card: of the bundle that gave the predictions; None where it is not known.
        table: of the labels.
        tested: its rows that are tested.
        tuned_on_tune: whether rows of the part tune are tuned on, as they should be.
        tuned: rows that thresholds are fixed on; None without.
    """
    learning = _trained(card, table)
    if tuned is not None and learning is not None and (tuned & learning).any():
        yield (
            f"{int((tuned & learning).sum()):,} of {int(tuned.sum()):,} rows that thresholds are "
            f"fixed on are rows that the model learnt from, or may have: on them it is surer than "
            f"on new images, so that thresholds do not keep what they promise."
        )
    rows = None if card is None else _own_split(card, table)
    if card is not None and rows is not None:
        inside = {part: int(tested[rows[part]].sum()) for part in ("train", "tune") if part in rows}
        told = _told(inside)
        if told:
            yield (
                f"{sum(inside.values()):,} of {int(tested.sum()):,} tested images are {told} rows "
                f"of {card.name} {card.version} itself (the split has the digest on its card): "
                f"numbers are no measure of how it does on new images; rows of the part test are."
            )
        return
    split = table.columns.get("split")
    if split is not None:
        parts = ("train",) if tuned_on_tune else ("train", "tune")
        inside = {part: int((tested & (split == part)).sum()) for part in parts}
        told = _told(inside)
        if told:
            yield (
                f"{sum(inside.values()):,} of {int(tested.sum()):,} tested images stand in "
                f"{told} of the table's split: if the model learnt from them, numbers flatter; "
                f"rows of the part test alone would not."
            )


def not_known(card: Card | None, table: LabelTable) -> Iterator[str]:
    """That a bundle's training images cannot be told from its card, where they cannot."""
    if card is None or not card.data or _own_split(card, table) is not None:
        return
    named = dict.fromkeys(f"{row.name} ({row.images:,} images)" for row in card.data)
    yield (
        f"Whether {card.name} {card.version} learnt from tested images cannot be told: its card "
        f"names no image, and no split of this table is its own. It learnt from {'; '.join(named)}."
    )


def _trained(card: Card | None, table: LabelTable) -> NDArray[np.bool_] | None:
    """Rows that weights were learnt from, by the card's own split if it is known.

    Otherwise those of the part train; None without a split.
    """
    split = table.columns.get("split")
    if split is None:
        return None
    rows = None if card is None else _own_split(card, table)
    if card is None or rows is None:
        return split == "train"
    found = np.zeros(len(table), np.bool_)
    for part in ("train", *_taught(card)):
        found[rows.get(part, np.zeros(0, np.int64))] = True
    return found


def _taught(card: Card) -> Iterator[str]:
    """Parts of the split that taught weights, as the names of the card's data tell."""
    for row in card.data:
        said = _ROLES.search(row.name)
        if said and "weights" in said["roles"]:
            yield said["part"]


def _told(inside: Mapping[str, int]) -> str:
    return " and ".join(f"{part} ({count:,})" for part, count in inside.items() if count)


def _own_split(card: Card, table: LabelTable) -> dict[str, NDArray[np.int64]] | None:
    """Rows by part of the table's split that has the digest on the card; None where none has."""
    known = {row.split_digest for row in card.data if row.split_digest}
    split = table.columns.get("split")
    if split is None or not known:
        return None
    for rows in _candidates(table):
        parts = {
            part: rows[split[rows] == part]
            for part in ("train", "tune", "test")
            if (split[rows] == part).any()
        }
        if parts and _digest(table.images, parts) in known:
            return parts
    return None


def _candidates(table: LabelTable) -> Iterator[NDArray[np.int64]]:
    yield np.arange(len(table))
    if "source" in table.columns:
        kinds, row = coded(table.columns["source"])
        if 1 < len(kinds) <= 50:
            for at in range(len(kinds)):
                yield np.flatnonzero(row == at)


def _digest(images: Text, parts: Mapping[str, NDArray[np.int64]]) -> str:
    """As :class:`hilum.domain.Split` makes it."""
    sha = hashlib.sha256()
    for part in sorted(parts):
        sha.update("\n".join([part, *sorted(images[parts[part]]), ""]).encode())
    return sha.hexdigest()
