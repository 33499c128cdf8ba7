"""A gate that lets pass what it is told to, and a reader with it."""

from __future__ import annotations

from dataclasses import dataclass, field

import pytest

from hilum.domain import GateVerdict, Note
from hilum.reading import Reader, Scale
from hilum.runtime import Graph

ACCEPTED = GateVerdict()
FLAGGED = GateVerdict(flags=(Note("rotated", "It is turned."),), distance=1.5)


@dataclass
class FakeGate:
    """Gives the verdicts it was made with, and keeps the features it was shown."""

    first: GateVerdict = ACCEPTED
    second: GateVerdict = FLAGGED
    seen: list = field(default_factory=list)

    def look(self, radiograph):
        return self.first

    def judge(self, verdict, features):
        self.seen.append(features)
        return self.second


@pytest.fixture
def make_reader(tiny_bundle):
    def make(gate=None, *, prevalence=None, **options):
        return Reader(
            bundle=tiny_bundle,
            gate=gate or FakeGate(),
            graph=Graph.open(tiny_bundle),
            scale=Scale.of(tiny_bundle.card, prevalence or {}),
            **options,
        )

    return make


@pytest.fixture
def fake_gate():
    return FakeGate
