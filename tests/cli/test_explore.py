import json

import numpy as np
import pytest

from hilum.datasets.table import save
from hilum.domain import LabelTable

pytest.importorskip("matplotlib", reason="needs matplotlib: pip install 'hilum[analyse]'")


@pytest.fixture
def labels(tmp_path):
    table = LabelTable(
        images=[f"{i}.png" for i in range(30)],  # type: ignore[arg-type]
        findings=("mass",),
        states=(np.arange(30) % 3 == 0).astype(np.uint8)[:, None],
        patients=[f"p{i // 2}" for i in range(30)],  # type: ignore[arg-type]
        columns={"source": np.array(["a", "b", "b"] * 10)},
    )
    save(table, tmp_path / "labels.csv")
    return tmp_path / "labels.csv"


def test_a_table_becomes_a_page(hilum, labels, tmp_path):
    out = tmp_path / "out"
    done = hilum("explore", labels, "-o", out)
    assert done.status == 0, done.err
    assert "30 images of 15 patients, 1 finding." in done.out
    assert "- All positives come from one source" in done.out
    assert str(out / "explore.html") in done.out
    assert json.loads((out / "explore.json").read_text("utf-8"))["table"] == "labels.csv"
    again = hilum("explore", labels, "-o", out, "--against", labels)
    assert again.status == 0
    assert (out / "differences.csv").read_text("utf-8") == "image,finding,this,other\n"


def test_images_that_are_missing_or_unreadable_are_told(hilum, labels, tmp_path):
    import cv2

    from hilum.phantoms import draw_chest

    chest = draw_chest(np.random.default_rng(0), size=(90, 80))
    cv2.imwrite(str(tmp_path / "0.png"), np.rint(chest.pixels * 255).astype(np.uint8))
    (tmp_path / "1.png").write_text("no picture")
    out = tmp_path / "out"
    done = hilum("explore", labels, "-o", out, "--images", tmp_path, "--sample", 1, "--examples", 1)
    assert done.status == 1
    assert "28 of 30 images (93.3%) have no file" in done.out
    assert "1 not-an-image" in done.out
    assert [p.name for p in (out / "examples" / "mass").iterdir()] == ["0.png.jpg"]
    facts = (out / "picture_facts.csv").read_text("utf-8").splitlines()
    assert len(facts) == 2  # the random sample, not the example
    assert facts[1].startswith("1.png")


def test_a_folder_is_no_table(hilum, tmp_path):
    done = hilum("explore", tmp_path, "-o", tmp_path / "out")
    assert done.status == 2
    assert "is a folder: give a label table" in done.err


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("a.csv", "Image Index,Finding Labels\nx.png,Mass\n", "no table that Hilum saved"),
        ("a.csv", "image,patient,mass\nx.png,p,maybe\n", "'maybe' is no state"),
        ("a.csv", "", "Error"),
        ("none.csv", None, "none.csv"),
    ],
)
def test_what_is_no_label_table_is_refused(hilum, tmp_path, name, text, message):
    if text is not None:
        (tmp_path / name).write_text(text, "utf-8")
    done = hilum("explore", tmp_path / name, "-o", tmp_path / "out")
    assert done.status == 2
    assert message in done.err
    assert not (tmp_path / "out").exists()


def test_a_folder_of_other_things_is_not_touched(hilum, labels, tmp_path):
    done = hilum("explore", labels, "-o", tmp_path)
    assert done.status == 2
    assert "choose an empty or a new one" in done.err
