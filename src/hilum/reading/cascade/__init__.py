"""A chain of bundles: which reads first, and which reads where that one said what."""

from hilum.reading.cascade.chain import Chain, ChainStage
from hilum.reading.cascade.outcome import CascadeReading, CascadeRefusal, Step
from hilum.reading.cascade.reader import CascadeReader

__all__ = ["CascadeReader", "CascadeReading", "CascadeRefusal", "Chain", "ChainStage", "Step"]
