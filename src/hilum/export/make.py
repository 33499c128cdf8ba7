"""A bundle from a person's own network: an ONNX graph and a card in TOML."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from hilum.bundles.card import Card
from hilum.bundles.store import Bundle, card_faults, save, with_known_findings
from hilum.errors import BundleError, InvalidCard
from hilum.runtime.check import graph_faults


def make(onnx: Path, card_toml: Path, out: Path) -> Bundle:
    """Check a graph against its card, and write both as a bundle.

    Args:
        onnx: the graph, one file without external data.
        card_toml: the fields of :class:`~hilum.bundles.card.Card`, without ``files``. A ``gate``
            that it names is taken from the folder of the card.
        out: a new folder, or a path that ends in ``.hilum`` for a single file.

    Returns:
        The bundle, loaded from ``out``.

    Raises:
        BundleError: a file cannot be read, or ``out`` exists.
        InvalidCard: the card lacks something or contradicts the graph; the message lists every
            fault.
    """
    model = _read(onnx, "the graph")
    card = _card(_read(card_toml, "the card"), card_toml)
    faults = graph_faults(model, card)
    if faults:
        lines = "".join(f"\n  {fault}" for fault in faults)
        raise InvalidCard(f"{onnx} and {card_toml} do not agree:{lines}")
    files = {card.graph.file: model}
    if card.gate:
        files[card.gate] = _read(card_toml.parent / card.gate, "the gate's feature statistics")
    return save(card, files, out)


def _read(path: Path, what: str) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise BundleError(f"{what} {path} cannot be read: {error.strerror}") from error


def _card(text: bytes, where: Path) -> Card:
    try:
        fields: dict[str, Any] = tomllib.loads(text.decode("utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise InvalidCard(f"{where} is no TOML: {error}") from error
    if "files" in fields:
        raise InvalidCard(f"{where}: leave `files` out; the digests are computed")
    try:
        card = Card.model_validate(fields)
    except ValidationError as error:
        raise InvalidCard(card_faults(error, str(where))) from error
    return with_known_findings(card, where=str(where))
