"""``hilum read --boxes`` and ``hilum evaluate --boxes --sheets``, as they are typed."""

import csv
import json
from dataclasses import replace
from importlib.resources import files

import cv2
import jsonschema
import numpy as np
import pytest

from hilum.bundles import save as save_bundle
from hilum.bundles.card import HeatmapBoxes
from hilum.datasets.table import save
from hilum.domain import LabelTable
from hilum.domain.boxes import Boxes
from hilum.phantoms import draw_chest
from hilum.report.evaluation.sheets.drawing import SIDE_PX

LIKELY = {"key": "effusion", "likely": [[0.1, 0.5, 0.4, 0.9], [0.6, 0.5, 0.9, 0.9]]}


@pytest.fixture(scope="module")
def pictures(tmp_path_factory):
    """Twelve drawn chests of 140 × 150 px."""
    folder = tmp_path_factory.mktemp("pictures")
    for i in range(12):
        chest = draw_chest(np.random.default_rng(i), size=(150, 140))
        cv2.imwrite(str(folder / f"{i}.png"), np.rint(chest.pixels * 255).astype(np.uint8))
    return folder


@pytest.fixture
def bundle(tmp_path, tiny_model, tiny_card):
    """Draws a box around every effusion, which it sees wherever it is asked."""
    rule = HeatmapBoxes.model_validate({"findings": [LIKELY], "trust": 1.0, "rule": "given"})
    rows = [
        f.model_copy(
            update={"operating_point": f.operating_point.model_copy(update={"threshold": 0.01})}
        )
        for f in tiny_card.findings
    ]
    card = tiny_card.model_copy(update={"findings": tuple(rows), "heatmap_boxes": rule})
    return save_bundle(card, {"model.onnx": tiny_model}, tmp_path / "tiny").location


@pytest.fixture
def labels(tmp_path):
    """Every other chest has an effusion, four of them a box."""
    table = LabelTable(
        images=[f"{i}.png" for i in range(12)],  # type: ignore[arg-type]
        findings=("effusion",),
        states=(np.arange(12) % 2).astype(np.uint8)[:, None],
        patients=[f"p{i}" for i in range(12)],  # type: ignore[arg-type]
    )
    boxes = Boxes(
        np.array([1, 3, 5, 7]), np.array(["effusion"] * 4, object),
        np.array([[20.0, 60, 40, 50]] * 4), np.arange(12) % 2 == 1,
    )  # fmt: skip
    save(replace(table, boxes=boxes), tmp_path / "labels.csv")
    return tmp_path / "labels.csv"


def table(path):
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def test_boxes_are_read_named_and_measured(pictures, bundle, labels, tmp_path, hilum, monkeypatch):
    out = tmp_path / "out"
    done = hilum("read", pictures, "-o", out, "--bundle", bundle, "--boxes", "--no-heatmaps")
    assert done.status == 0, done.err
    assert "Boxes: 12 on 12 of 12 radiographs (Pleural effusion 12)" in done.out
    rows = table(out / "boxes.csv")
    assert len(rows) == 12
    assert {row["origin"] for row in rows} == {"heatmap"}
    x, y, w, h = (np.array([float(row[name]) for row in rows]) for name in "xywh")
    assert min(x.min(), y.min(), w.min(), h.min()) > 0
    assert (x + w).max() <= 140
    assert (y + h).max() <= 150
    document = json.loads((out / "readings.json").read_text("utf-8"))
    schema = json.loads((files("hilum.report") / "schema/readings.schema.json").read_text("utf-8"))
    jsonschema.validate(document, schema)
    assert document["intake"] == ""
    assert len(list((out / "boxes").iterdir())) == 12
    pytest.importorskip("sklearn", reason="needs scikit-learn: pip install 'hilum[analyse]'")
    kept = []

    def write(appraisal, folder):  # the page takes seconds
        kept.append(appraisal)
        folder.finish()
        return folder.path / "index.html"

    monkeypatch.setattr("hilum.report.evaluation.write", write)
    judged = hilum(
        "evaluate", "--boxes", out / "boxes.csv", "--labels", labels, "-o", tmp_path / "judged",
        "--samples", 50,
    )  # fmt: skip
    assert judged.status == 0, judged.err
    (found,) = kept[0].localisation.each
    assert (found.finding, found.boxes, found.predicted) == (
        "effusion",
        4,
        6,
    )  # readers looked at 6


@pytest.mark.parametrize("found", [True, False], ids=["one-never-found", "no-box"])
def test_what_a_run_looked_for_and_never_found_counts(labels, tmp_path, hilum, monkeypatch, found):
    pytest.importorskip("sklearn", reason="needs scikit-learn: pip install 'hilum[analyse]'")
    rows = range(1, 12, 2)
    reference = LabelTable(
        images=[f"{i}.png" for i in range(12)],  # type: ignore[arg-type]
        findings=("effusion", "nodule"),
        states=np.repeat((np.arange(12) % 2).astype(np.uint8)[:, None], 2, axis=1),
        patients=[f"p{i}" for i in range(12)],  # type: ignore[arg-type]
        boxes=Boxes(
            np.repeat(rows, 2), np.array(["effusion", "nodule"] * 6, object),
            np.array([[20.0, 60, 40, 50], [90.0, 20, 9, 9]] * 6), np.ones(12, np.bool_),
        ),
    )  # fmt: skip
    save(reference, labels)
    run = tmp_path / "run"
    run.mkdir()
    readings = [{"image": f"{i}.png", "boxed": ["effusion", "nodule"]} for i in range(12)]
    (run / "readings.json").write_text(json.dumps({"boxes": True, "readings": readings}))
    lines = [f"{i}.png,effusion,0.9,20,60,40,50\n" for i in rows if found]
    (run / "boxes.csv").write_text("image,finding,score,x,y,w,h\n" + "".join(lines))
    kept = []

    def write(appraisal, folder):
        kept.append(appraisal)
        folder.finish()
        return folder.path / "index.html"

    monkeypatch.setattr("hilum.report.evaluation.write", write)
    done = hilum("evaluate", "--boxes", run / "boxes.csv", "--labels", labels, "-o",
                 tmp_path / "judged", "--samples", 50)  # fmt: skip
    assert done.status == 0, done.err
    ap = {one.finding: one.ap_coco.value for one in kept[0].localisation.each}
    assert ap == pytest.approx({"effusion": float(found), "nodule": 0})
    assert kept[0].localisation.map_coco.value == pytest.approx(0.5 * found)
    ranked = {one.finding: one.auroc.value for one in kept[0].findings}
    assert ranked == pytest.approx({"effusion": 1.0 if found else 0.5, "nodule": 0.5})


def test_a_run_with_boxes_goes_on_only_with_them(pictures, bundle, tmp_path, hilum):
    out = tmp_path / "out"
    assert hilum("read", pictures / "0.png", "-o", out, "--bundle", bundle, "--boxes").status == 0
    plain = hilum("read", pictures, "-o", out, "--bundle", bundle, "--resume")
    assert plain.status == 2
    assert "this run is without boxes; add --boxes" in plain.err
    done = hilum("read", pictures, "-o", out, "--bundle", bundle, "--boxes", "--resume")
    assert done.status == 0, done.err
    assert "Boxes: 12 on 12 of 12" in done.out  # of both runs
    assert len(table(out / "boxes.csv")) == 12


def test_a_bundle_that_draws_none_says_so(pictures, tiny_bundle, tmp_path, hilum):
    done = hilum(
        "read", pictures, "-o", tmp_path / "o", "--bundle", tiny_bundle.location, "--boxes"
    )
    assert done.status == 2
    assert "tiny 1.2.3 draws no boxes" in done.err
    assert not (tmp_path / "o").exists()


def test_sheets_stand_on_the_page_and_go_with_the_next_evaluation(
    pictures, bundle, labels, tmp_path, hilum
):
    pytest.importorskip("sklearn", reason="needs scikit-learn: pip install 'hilum[analyse]'")
    out = tmp_path / "out"
    study = ("--labels", labels, "--bundle", bundle, "--data", pictures)
    (tmp_path / "boxes.csv").write_text(
        "image,finding,score,x,y,w,h\n1.png,effusion,0.9,5,5,50,60\n"
    )
    done = hilum(
        "evaluate", *study, "-o", out, "--samples", 50, "--workers", 1, "--sheets",
        "--boxes", tmp_path / "boxes.csv",
    )  # fmt: skip
    assert done.status == 0, done.err
    page = (out / "index.html").read_text("utf-8")
    assert 'src="sheets/effusion.jpg"' in page
    assert cv2.imread(str(out / "sheets" / "effusion.jpg")).shape[1] > 4 * SIDE_PX
    rows = table(out / "sheets" / "cases.csv")
    ranked = [row for row in rows if row["section"] in {"best", "worst"}]
    assert {row["image"] for row in ranked} == {"1.png", "3.png", "5.png", "7.png"}
    beyond = [float(row["evidence_in_boxes"] or 0) - float(row["by_chance"]) for row in ranked]
    assert min(beyond[:2]) >= max(beyond[2:])
    assert all(float(row["by_chance"]) == pytest.approx(40 * 50 / (140 * 150), abs=0.01)
               for row in ranked)  # fmt: skip
    right = {"found": True, "absent": True, "missed": False, "false-alarm": False}
    for row in rows:
        called = float(row["score"]) >= float(row["operating_point"])
        if row["section"] in right:
            assert (called == (row["reference"] == "present")) is right[row["section"]]
    again = hilum("evaluate", *study, "-o", out, "--samples", 50, "--workers", 1)
    assert again.status == 0, again.err
    assert not (out / "sheets").exists()  # of the earlier evaluation


def test_sheets_need_a_bundle(tmp_path, hilum):
    done = hilum("evaluate", tmp_path / "mine.csv", "--sheets")
    assert done.status == 2
    assert "--sheets asks a bundle for heatmaps" in done.err
