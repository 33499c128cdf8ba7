"""A drawn manifest with the collections that S3 asks across, and vectors in place of features."""

from __future__ import annotations

import csv
from types import SimpleNamespace

import numpy as np
import pytest

from hilum.studies.s3.cohort import load_cohort

COLUMNS = (
    "file", "source", "patient_id", "view", "findings", "lt20", "official_split", "survival", "sex",
    "age", "licence", "permissive", "out_w", "out_h", "orig_w", "orig_h", "source_repo",
)  # fmt: skip


def rows():
    for at in range(30):
        covid = at % 3 > 0
        site = ("www.one.org", "two.net", "three.com", "four.io", "five.eu")[at % 5]
        yield {
            "source": "ieee8023", "findings": "COVID-19" if covid else "SARS",
            "patient_id": f"i{at % 5}-{at // 15}-{covid}", "licence": f"unstated; https://{site}/case/{at}",
        }  # fmt: skip
    yield {"source": "ieee8023", "findings": "todo", "patient_id": "i99", "licence": "CC BY"}
    for at in range(40):
        found = ("Pneumonia", "No Finding", "Nodule", "Edema")[at % 4]
        yield {"source": "nih14", "findings": found, "patient_id": f"n{at // 2}"}
    for at in range(12):
        yield {"source": "paediatric", "findings": "Normal", "patient_id": f"p{at}",
               "age": "1-5 (dataset statement)"}  # fmt: skip


@pytest.fixture
def drawn(tmp_path):
    """A folder with manifest.csv, whose images are not there."""
    with (tmp_path / "manifest.csv").open("w", newline="") as file:
        table = csv.DictWriter(file, COLUMNS, restval="")
        table.writeheader()
        for at, row in enumerate(rows()):
            own = {"file": f"{at}.jpg", "view": "PA", "sex": "FM"[at % 2], "age": str(30 + at)}
            table.writerow({**own, "permissive": "False", **row})
    (tmp_path / "boxes.csv").write_text("file,label,x,y,w,h\n31.jpg,Pneumonia,1,1,2,2\n")
    return tmp_path


@pytest.fixture
def cohort(drawn):
    """What is read of it."""
    return load_cohort(drawn)


@pytest.fixture
def seen(cohort):
    """Vectors in which the collection is easy to tell, and COVID-19 a little."""
    rng = np.random.default_rng(0)

    def vectors(away: float) -> np.ndarray:
        drawn = rng.normal(size=(len(cohort.table), 12)).astype(np.float32)
        drawn[:, 0] += away * cohort.inside
        drawn[:, 1] += 1.5 * cohort.covid
        return drawn

    from hilum.studies.s3.looking import SHOWN

    keyed = {(name, sight): vectors(0.5 if sight == "masked" else 6.0)
             for name, sights in SHOWN.items() for sight in sights}  # fmt: skip
    whole = np.ones(len(cohort.table), np.bool_)
    whole[-1] = False
    return SimpleNamespace(seen=whole, features=keyed)
