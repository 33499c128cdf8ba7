"""Readings made by hand, for drawing."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

from hilum.bundles.card import Card
from hilum.domain import (
    Acquisition,
    Affine,
    GateVerdict,
    Heatmap,
    Note,
    Prediction,
    Radiograph,
    Reading,
    Refusal,
    Source,
    View,
)
from hilum.report.folder import OutputFolder

POINTS = {"cardiomegaly": 0.2, "effusion": 0.4, "hernia": 0.05}


@dataclass(frozen=True)
class FakeBundle:
    card: Card
    digest: str = "ab" * 32


def card(**changes) -> Card:
    findings = [
        {
            "key": key,
            "operating_point": {"threshold": point, "rule": "youden"},
            "calibration": {"trusted": key != "hernia", "method": "platt"},
            "prevalence": 0.1,
            "positives": 120,
        }
        for key, point in POINTS.items()
    ]
    results = [
        {"metric": m, "split": "tune", "finding": k, "value": 0.7, "low": 0.6, "high": 0.8}
        for m in ("AUROC", "AUROC within road")
        for k in (None, *POINTS)
    ]
    results[-1] |= {"value": None, "low": None, "high": None, "note": "no positives"}
    facts = {
        "name": "drawn3",
        "version": "1.0.0",
        "summary": "A bundle for tests.",
        "intended_use": "Tests <only>.",
        "not_for": ["Diagnosis", "Children"],
        "licence": "Apache-2.0",
        "findings": findings,
        "preprocessing": {"size": [224, 224]},
        "results": results,
        "data": [{"name": "phantoms", "images": 10, "patients": 5, "licence": "CC0-1.0"}],
    }
    return Card.model_validate(facts | changes)


def radiograph(name: str = "a.png", shape=(120, 100)) -> Radiograph:
    """Two dark lungs on a grey body."""
    y, x = np.mgrid[0 : shape[0], 0 : shape[1]] / np.array(shape).reshape(2, 1, 1)
    lungs = sum(np.exp(-(((x - at) / 0.13) ** 4) - ((y - 0.5) / 0.33) ** 4) for at in (0.29, 0.71))
    pixels = (0.75 - 0.6 * lungs).astype(np.float32)
    return Radiograph(pixels, Source(name, "png", shape))


def reading(
    name: str = "a.png",
    probabilities: tuple[float, ...] = (0.1, 0.9, 0.01),
    *,
    notes: tuple[Note, ...] = (),
    shape=(120, 100),
    with_picture: bool = True,
) -> Reading:
    picture = radiograph(name, shape)
    predictions = tuple(
        Prediction(key, float(np.log(p / (1 - p))), p, point, calibrated=key != "hernia")
        for (key, point), p in zip(POINTS.items(), probabilities, strict=True)
    )
    values = np.full((7, 7), -1.0, np.float32)
    values[4:6, 1:3] = 3.0
    to_radiograph = Affine.scale(shape[1] / 7, shape[0] / 7)
    heatmaps = tuple(Heatmap(key, values, to_radiograph) for key in POINTS)
    return Reading(
        source=picture.source,
        acquisition=Acquisition(modality="DX", view=View.PA, age_years=63.0, sex="F"),
        bundle="drawn3 1.0.0",
        bundle_digest="ab" * 32,
        predictions=predictions,
        gate=GateVerdict(flags=tuple(n for n in notes if n.warning), distance=1.5, limit=3.0),
        heatmaps=heatmaps,
        notes=notes,
        radiograph=picture if with_picture else None,
    )


def refusal(name: str = "hand.dcm", *, picture: bool = True) -> Refusal:
    why = (Note("not-a-chest", "This is no chest: BodyPartExamined is HAND."),)
    return Refusal(name, "gate", why, radiograph=radiograph(name) if picture else None)


def fill(out: Path, items, **options) -> Path:
    with OutputFolder.open(out, bundle=FakeBundle(card()), **options) as folder:
        for item in items:
            folder.add(folder.draw(item))
        return folder.finish()


@pytest.fixture
def make():
    """The makers above, under one name."""

    class Make:
        bundle = staticmethod(lambda digest="ab" * 32: FakeBundle(card(), digest))
        card = staticmethod(card)
        radiograph = staticmethod(radiograph)
        reading = staticmethod(reading)
        refusal = staticmethod(refusal)
        fill = staticmethod(fill)

    return Make
