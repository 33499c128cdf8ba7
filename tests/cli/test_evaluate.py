"""``hilum evaluate``: the three ways to call it, and what it says of bad input."""

import csv
import json
from dataclasses import replace

import numpy as np
import pytest

from hilum.bundles import save as save_bundle
from hilum.datasets.table import save
from hilum.domain import LabelTable
from hilum.domain.boxes import Boxes

pytest.importorskip("matplotlib", reason="needs matplotlib: pip install 'hilum[analyse]'")
pytest.importorskip("sklearn", reason="needs scikit-learn: pip install 'hilum[analyse]'")

N = 120


@pytest.fixture
def labels(tmp_path):
    rng = np.random.default_rng(0)
    table = LabelTable(
        images=[f"{i}.png" for i in range(N)],  # type: ignore[arg-type]
        findings=("mass", "effusion"),
        states=(rng.random((N, 2)) < 0.4).astype(np.uint8),
        patients=[f"p{i // 2}" for i in range(N)],  # type: ignore[arg-type]
        columns={
            "split": np.repeat(["tune", "test"], N // 2),
            "sex": rng.choice(["F", "M"], N),
            "source": rng.choice(["north", "south"], N),
        },
    )
    save(table, tmp_path / "labels.csv")
    return table


def scores(table, seed=1, noise=1.0):
    rng = np.random.default_rng(seed)
    odds = 1.5 * table.states + noise * rng.normal(size=table.states.shape) - 1
    return 1 / (1 + np.exp(-odds))


@pytest.fixture
def mine(tmp_path, labels):
    return told(tmp_path / "mine.csv", labels, scores(labels))


def told(path, table, values, images=None):
    with path.open("w", newline="", encoding="utf-8") as file:
        rows = csv.writer(file)
        rows.writerow(["Image Index", "prob_Mass", "prob_Effusion"])
        for name, row in zip(images or table.images.tolist(), values, strict=True):
            rows.writerow([name, *row])
    return path


def run(hilum, tmp_path, *arguments):
    return hilum(
        "evaluate", *arguments, "--labels", tmp_path / "labels.csv", "-o", tmp_path / "out",
        "--samples", 50,
    )  # fmt: skip


@pytest.fixture
def undrawn(monkeypatch):
    """Keeps what was found, and draws no page, which takes seconds."""
    found = []

    def write(appraisal, folder):
        found.append(appraisal)
        folder.finish()
        return folder.path / "index.html"

    monkeypatch.setattr("hilum.report.evaluation.write", write)
    return found


def test_a_csv_becomes_a_page(hilum, tmp_path, labels):
    values, half = scores(labels), N // 2
    tune = told(tmp_path / "tune.csv", labels.rows(np.arange(half)), values[:half])
    mine = told(tmp_path / "mine.csv", labels.rows(np.arange(half, N)), values[half:])
    other = told(tmp_path / "other.csv", labels, scores(labels, noise=4.0))
    done = run(hilum, tmp_path, mine, "--tune-on", tune, "--compare", other, "--within", "source",
               "--prevalence", "mass=0.02", "--subgroups", "sex", "--point", "youden")  # fmt: skip
    assert done.status == 0, done.err
    assert "Page:" in done.out
    assert (tmp_path / "out" / "index.html").is_file()
    made = json.loads((tmp_path / "out" / "appraisal.json").read_text("utf-8"))
    assert [one["finding"] for one in made["findings"]] == ["mass", "effusion"]
    assert made["findings"][0]["points"][0]["fixed_on"] == "tune"
    assert made["comparisons"][0]["other"] == "other"


def test_a_bundle_reads_first_and_keeps_what_it_said(
    hilum, tmp_path, tiny_model, tiny_card, undrawn
):
    import cv2

    from hilum.phantoms import draw_chest

    chosen = LabelTable(
        images=[f"{i}.png" for i in range(14)],  # type: ignore[arg-type]
        findings=("effusion",),
        states=(np.arange(14) % 2).astype(np.uint8)[:, None],
        patients=[f"p{i}" for i in range(14)],  # type: ignore[arg-type]
    )
    save(chosen, tmp_path / "labels.csv")
    pictures = tmp_path / "pictures"
    pictures.mkdir()
    for i in range(12):
        chest = draw_chest(np.random.default_rng(i), size=(150, 140))
        cv2.imwrite(str(pictures / f"{i}.png"), np.rint(chest.pixels * 255).astype(np.uint8))
    (pictures / "12.png").write_text("no picture")
    bundle = save_bundle(tiny_card, {"model.onnx": tiny_model}, tmp_path / "tiny")
    done = run(hilum, tmp_path, "--bundle", bundle.location, "--data", pictures, "--workers", 2)
    assert done.status == 1, done.err
    assert "NOT read: 2 images" in done.out
    told_of = (tmp_path / "out" / "refused.csv").read_text("utf-8").splitlines()
    assert told_of == ["image,code", "12.png,not-an-image", "13.png,no-file"]
    warned = " ".join(undrawn[0].warnings)
    assert "2 of 14 images (14.3%) were refused by the model" in warned
    assert "1 no-file" in warned
    kept = (tmp_path / "out" / "predictions.csv").read_text("utf-8").splitlines()
    assert kept[0] == "image,effusion,pneumonia,pleural_thickening"
    assert len(kept) == 13


def test_a_run_is_evaluated_out_of_fold_with_its_own_labels(
    hilum, tmp_path, tiny_card, labels, undrawn
):
    run_folder = tmp_path / "run"
    (run_folder / "tiny").mkdir(parents=True)
    (run_folder / "images").mkdir()
    (run_folder / "recipe.json").write_text(json.dumps({"bundle": {"name": "tiny"}}))
    (run_folder / "tiny" / "card.json").write_text(tiny_card.model_dump_json(by_alias=True))
    states = np.column_stack([labels.states, 1 - labels.states[:, 0]])
    table = labels.with_states(tiny_card.keys, states.astype(np.uint8))
    save(table, run_folder / "images" / "labels.csv")
    logits = states + np.random.default_rng(0).normal(size=states.shape)
    np.savez(run_folder / "out-of-fold.npz", logits=logits.astype(np.float32),
             images=np.array(labels.images.tolist()))  # fmt: skip
    done = hilum("evaluate", run_folder, "-o", tmp_path / "out", "--samples", 50)
    assert done.status == 0, done.err
    assert "out of fold" in " ".join(done.out.split())
    assert undrawn[0].images == N


def test_boxes_are_measured_and_rank_images(hilum, tmp_path, labels, undrawn):
    rng = np.random.default_rng(0)
    drawn = np.flatnonzero(labels.states[:, 0])
    boxes = Boxes(
        row=drawn,
        finding=["mass"] * len(drawn),  # type: ignore[arg-type]
        xywh=np.tile([10.0, 10.0, 20.0, 20.0], (len(drawn), 1)),
        annotated=np.ones(N, np.bool_),
    )
    save(replace(labels, boxes=boxes), tmp_path / "labels.csv")
    lines = ["image,finding,x,y,w,h,score"]
    lines += [f"{row}.png,mass,11,10,20,20,{0.5 + rng.random() / 2}" for row in drawn]
    lines += [f"{row}.png,mass,60,60,9,9,{rng.random()}" for row in range(0, N, 3)]
    (tmp_path / "boxes.csv").write_text("\n".join(lines))
    done = run(hilum, tmp_path, "--boxes", tmp_path / "boxes.csv")
    assert done.status == 0, done.err
    found = undrawn[0]
    assert found.localisation.each[0].ap_voc2010.value > 0.6
    assert found.findings[0].auroc.value > 0.8
    assert any("surest box" in note for note in found.notes)
    assert not found.probabilities


def with_mass(labels, tmp_path, people, left=10.0):
    """Labels and boxes in files: some patients, a mass on every image and a false box on some."""
    some = labels.rows(np.arange(2 * people))
    boxes = Boxes(
        np.arange(2 * people), np.array(["mass"] * 2 * people, object),
        np.array([[left, 10.0, 20, 20]] * 2 * people), np.ones(2 * people, np.bool_),
    )  # fmt: skip
    some = replace(some, images=[f"ward/{name}" for name in some.images], boxes=boxes)
    save(some, tmp_path / "labels.csv")
    lines = ["image,finding,x,y,w,h,score"]
    lines += [
        f"{row}.png,mass,{10 + 15 * (row % 3)},10,20,20,{row / 99}" for row in range(len(some))
    ]
    (tmp_path / "boxes.csv").write_text("\n".join(lines))


@pytest.mark.parametrize(("people", "stated"), [(8, False), (20, True)])
def test_of_few_patients_no_interval_of_boxes_is_stated(
    hilum, tmp_path, labels, undrawn, people, stated
):
    with_mass(labels, tmp_path, people)
    done = run(hilum, tmp_path, "--boxes", tmp_path / "boxes.csv")
    assert done.status == 0, done.err
    found = undrawn[0]
    (one,) = found.localisation.each
    assert any("no interval is stated" in line for line in found.warnings) != stated
    for measure in (one.ap_coco, one.froc.mean, one.pointing, one.iou[0].false_boxes):
        assert (measure.low is not None) == stated
    told = [note for note in found.notes if "Boxes were matched to images by" in note]
    assert len(told) == 1


def test_readers_boxes_beyond_their_image_are_refused_before_anything_is_read(
    hilum, tmp_path, labels, undrawn
):
    import cv2

    with_mass(labels, tmp_path, 4, left=3600.0)
    (tmp_path / "ward").mkdir()
    for at in range(8):
        square = np.tile(np.arange(200, dtype=np.uint8), (200, 1))
        cv2.imwrite(str(tmp_path / "ward" / f"{at}.png"), square)
    done = run(hilum, tmp_path, "--bundle", "chest14", "--data", tmp_path, "--sheets")
    assert done.status == 2
    assert "8 of 8 boxes of the labels reach beyond their image" in " ".join(done.err.split())
    assert "ward/0.png (200 × 200)" in " ".join(done.err.split())


BAD = {
    "neither predictions nor a bundle": ([], "What is to be evaluated?"),
    "both": (["mine.csv", "--bundle", "chest14", "--data", "."], "one of the two"),
    "a bundle without images": (["--bundle", "chest14"], "go together"),
    "two scales": (["mine.csv", "--logits", "--scores"], "Choose one"),
    "probabilities given as logits": (["mine.csv", "--logits"], "Leave out --logits"),
    "no such column": (["mine.csv", "--within", "ward"], "no column 'ward'"),
    "no such part": (["mine.csv", "--test", "train"], "No row of the table is of the part"),
    "no rule": (["mine.csv", "--point", "best"], "is no operating point"),
    "a rule without tune rows": (["mine.csv", "--point", "youden"], "--tune PART"),
    "no share": (["mine.csv", "--prevalence", "mass=2"], "FINDING=SHARE"),
    "no task": (["mine.csv", "--task", "two"], "multi-label or one-of"),
    "no policy": (["mine.csv", "--uncertain", "maybe"], "present or absent"),
    "half a survival": (["mine.csv", "--survival", "days"], "days,death"),
    "no such group": (["mine.csv", "--subgroups", "ward"], "no column 'ward'"),
    "no such finding": (["mine.csv", "--finding", "hernia"], "cannot be measured"),
}


@pytest.mark.parametrize("case", BAD)
def test_what_cannot_be_done_is_said_in_words(hilum, tmp_path, mine, case):
    arguments, message = BAD[case]
    given = [tmp_path / a if a == "mine.csv" else a for a in arguments]
    done = run(hilum, tmp_path, *given)
    assert done.status == 2
    assert message in done.err
    assert not (tmp_path / "out").exists()
