"""Extent against severity scores: the join, and the question on drawn chests."""

import csv
import json

import cv2
import numpy as np
import pytest

from hilum.errors import LabelError
from hilum.phantoms import Lesion, draw_chest
from hilum.studies.localise import severity
from hilum.studies.localise.severity import MAIN, QUESTION, SCORES, measure, scored
from hilum.studies.running import Bench

HEAD = ("file", "source", "patient_id", "source_path", "permissive")
NOTE = "## A licence,,\n## geographic_mean: 0 to 8,,\n"


@pytest.fixture(scope="module")
def drawn(tmp_path_factory):
    """Seven chests of six patients with more and more opacity, and two rows that do not count."""
    folder = tmp_path_factory.mktemp("radiographs")
    rows, scores = [], []
    for at in range(7):
        lesions = [Lesion("consolidation")] * (at // 2)
        chest = draw_chest(np.random.default_rng(20 + at), size=(256, 256), lesions=lesions)
        cv2.imwrite(str(folder / f"{at}.png"), (255 * chest.pixels).astype(np.uint8))
        rows.append((f"{at}.png", "ieee8023", f"p{min(at, 5)}", f"images/x-{at}.png", "False"))
        scores.append((f"x-{at}.png", at, at / 2))
    rows.append(("learnt.png", "ieee8023", "q", "images/learnt.png", "True"))
    rows.append(("other.png", "ieee8023", "q", "images/other.png", "False"))  # the same patient
    rows.append(("nih.png", "nih14", "n", "images/x-0.png", ""))
    scores += [("learnt.png", 1, 1), ("other.png", 1, 1), ("nowhere.png", 8, 6)]
    with (folder / "manifest.csv").open("w", newline="") as file:
        csv.writer(file).writerows([HEAD, *rows])
    with (folder / SCORES).open("w", newline="") as file:
        file.write(NOTE)
        csv.writer(file).writerows([("filename", "geographic_mean", "opacity_mean"), *scores])
    return folder


def test_scores_join_radiographs_of_patients_that_no_network_knows(drawn):
    found = scored(drawn)
    assert [(one.file.name, one.patient, one.geographic, one.opacity) for one in found] == [
        (f"{at}.png", f"p{min(at, 5)}", float(at), at / 2) for at in range(7)
    ]


def test_tables_that_are_not_there_are_named(drawn, tmp_path):
    with pytest.raises(LabelError, match=f"{SCORES} lies neither in"):
        scored(tmp_path)
    (tmp_path / SCORES).write_text("filename,geographic_mean,opacity_mean\n")
    with pytest.raises(LabelError, match=r"holds no manifest\.csv"):
        scored(tmp_path)
    (tmp_path / "manifest.csv").write_text((drawn / "manifest.csv").read_text())
    with pytest.raises(LabelError, match="names no radiograph that"):
        scored(tmp_path)


@pytest.mark.train
def test_the_question_counts_every_radiograph_and_shows_its_numbers(drawn, tmp_path, monkeypatch):
    pytest.importorskip("matplotlib", reason="needs matplotlib: pip install 'hilum[analyse]'")
    monkeypatch.setattr(severity, "SAMPLES", 200)
    numbers = json.loads(json.dumps(measure(Bench(drawn, tmp_path, tmp_path), (0,))))
    assert numbers["asked"] == 7
    assert numbers["images"] + sum(numbers["lost"].values()) == 7
    assert numbers["images"] >= 5
    assert len(numbers["points"]) == numbers["images"]
    for row in numbers["correlations"].values():
        for value, low, high in row.values():
            assert value is None or -1 <= value <= 1
            assert low is None or low <= high
    shown = QUESTION.show(numbers)
    assert shown.tables[0].rows[0][0] == MAIN
    assert "of 7 radiographs" in shown.tables[0].caption
    shown.figures["points"]().savefig(tmp_path / "points.svg")


def test_the_shared_scores_join_sixty_one_radiographs(shared):
    found = scored(shared / "radiographs")
    assert len(found) == 61
    assert len({one.patient for one in found}) == 43
    assert all(one.file.is_file() for one in found)
    assert max(one.geographic for one in found) <= 8
    assert max(one.opacity for one in found) <= 6
