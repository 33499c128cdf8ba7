"""The one artefact: an ONNX graph and a card in JSON."""

from hilum.bundles.card import Card
from hilum.bundles.store import Bundle, available, load, own, save, verify

__all__ = ["Bundle", "Card", "available", "load", "own", "save", "verify"]
