"""Rows drawn by code, with a model that knows something."""

import numpy as np
import pytest

from hilum.domain.text import text
from hilum.evaluation.appraisal import Matched


def drawn(n=400, findings=2, *, seed=0, a_patient=2, strength=1.5, **changes):
    """Images of patients, a sensible score for every finding."""
    rng = np.random.default_rng(seed)
    targets = rng.random((n, findings)) < 0.3
    odds = strength * targets + rng.normal(size=(n, findings)) - 1.5
    keys = ("mass", "effusion", "hernia", "nodule")[:findings]
    facts = {
        "title": "drawn",
        "images": text(f"{i}.png" for i in range(n)),
        "patients": text(f"p{i // a_patient}" for i in range(n)),
        "findings": keys,
        "names": tuple(key.capitalize() for key in keys),
        "targets": targets,
        "mask": np.ones((n, findings), np.bool_),
        "scores": 1 / (1 + np.exp(-odds)),
        "tested": np.ones(n, np.bool_),
        "tuned": np.zeros(n, np.bool_),
        "attributes": {
            "sex": text(rng.choice(["F", "M"], n)),
            "age_years": rng.uniform(20, 80, n),
        },
    }
    return Matched(**{**facts, **changes})


@pytest.fixture(scope="session")
def rows():
    """Four hundred images of two hundred patients."""
    return drawn()
