import json
import re
import shutil
from html import unescape
from io import StringIO

import cv2
import numpy as np
import pytest
from rich.console import Console

from hilum.report.run import summary, write_run_page

from .conftest import recipe


def text_of(page) -> str:
    """What a reader sees: no styles, no pictures, no marks."""
    html = page.read_text("utf-8")
    body = re.sub(r"<style>.*?</style>|data:image[^\"]*", "", html, flags=re.DOTALL)
    return re.sub(r"\s+", " ", unescape(re.sub(r"<[^>]+>", " ", body)))


def printed(folder) -> str:
    out = StringIO()
    Console(width=160, file=out).print(summary(folder))
    return out.getvalue()


@pytest.fixture
def no_figures(monkeypatch):
    """As if matplotlib were not installed."""
    monkeypatch.setattr("hilum.report.run.figures.can_draw", lambda: False)


def test_a_page_on_the_way(begun):
    page = write_run_page(begun)
    assert page == begun / "run.html"
    text = text_of(page)
    assert "31 % of the training is done: 1 of 4 networks have ended" in text
    assert "fold-1 has done 1 of 4 epochs" in text
    assert "About 5 min 30 s are left" in text
    assert "overfitting" in text
    assert "Stop earlier." in text
    assert "Epoch 2: Over since epoch 1: blind." in text
    assert "Look at labels." not in text  # it is over
    assert "A GPU, 80.0 GB" in text
    assert "Decisions" not in text
    assert sorted(p.name for p in begun.iterdir() if "draft" in p.name) == []


def test_a_page_before_anything_was_learnt(begun):
    for name in ("fold-0", "fold-1"):
        shutil.rmtree(begun / name)
    text = text_of(write_run_page(begun))
    assert "No epoch has ended yet" in text
    assert "0 % of the training is done" in text


def test_a_page_at_the_end(ended):
    html = write_run_page(ended).read_text("utf-8")
    text = text_of(ended / "run.html")
    assert "0.800 mean AUROC" in text
    assert "95 %: 0.700 to 0.850" in text
    assert "0.650 mean AUROC within road" in text
    assert "Split: train and tune, out of fold (3 folds by patient)" in text
    assert "hilum read RADIOGRAPHS -o out --bundle ./small" in text
    assert "Believe the AUROC within road more" in text
    assert "Label more examples of Hiatal hernia" in text
    assert "ab" * 32 in text
    assert "A note of the &lt;data&gt;." in html
    assert "drawn &lt;chests&gt;" in html
    assert "For &lt;tests&gt;." in html
    assert "test_resnet" in text
    assert str(ended.parent) not in html
    assert "<script" not in html


def test_pictures_lie_beside_the_page_and_show_the_right_images(ended, no_figures):
    html = write_run_page(ended).read_text("utf-8")
    folder = ended / "run-pictures"
    shown = set(re.findall(r'<img src="(run-pictures/[^"]+)"', html))
    assert shown == {f"run-pictures/{p.name}" for p in folder.iterdir()}
    assert "data:image/jpeg" not in html
    picture = cv2.imread(str(folder / "effusion-false-alarm-1.jpg"), cv2.IMREAD_GRAYSCALE)
    assert picture.shape == (224, 187)  # in the proportions of the file, 48 × 40
    assert np.abs(picture.astype(int) - 10).max() <= 2  # image 1 is drawn at grey 10
    assert "These are radiographs of patients" in html


def test_a_later_page_takes_earlier_pictures_away(ended, no_figures):
    write_run_page(ended)
    (ended / "run-pictures" / "effusion-found-9.jpg").write_bytes(b"of an earlier page")
    write_run_page(ended)
    assert not (ended / "run-pictures" / "effusion-found-9.jpg").exists()


def test_no_pictures_and_no_names_where_they_are_not_wanted(ended, no_figures):
    write_run_page(ended)
    html = write_run_page(ended, pictures=False).read_text("utf-8")
    assert not (ended / "run-pictures").exists()
    assert ".png" not in html
    assert "Decisions" in html


def test_a_pack_elsewhere(ended, no_figures):
    (ended / "images").rename(ended.parent / "pack")
    assert "No pictures: the run's folder holds no radiographs" in text_of(write_run_page(ended))
    write_run_page(ended, pack=ended.parent / "pack")
    assert (ended / "run-pictures" / "effusion-found-1.jpg").is_file()


def test_what_an_older_run_lacks_is_said(ended, no_figures):
    with np.load(ended / "out-of-fold.npz") as file:
        held = {name: file[name] for name in ("rows", "logits")}
    np.savez(ended / "out-of-fold.npz", **held)
    text = text_of(write_run_page(ended))
    assert "Matrices and pictures need what out-of-fold.npz does not hold: images, mask" in text


def test_a_task_of_which_one_finding_holds(ended, no_figures):
    tasks = [{"kind": "one-of", "findings": []}]
    (ended / "recipe.json").write_text(json.dumps(recipe(task=tasks)))
    with np.load(ended / "out-of-fold.npz") as file:
        held = dict(file)
    held["targets"] = np.eye(3, dtype=np.float32)[np.arange(24) % 3]
    held["mask"][:] = True
    np.savez(ended / "out-of-fold.npz", **held)
    text = text_of(write_run_page(ended))
    assert "One of 3" in text
    assert "always naming the most common would give 0.33" in text


def test_figures_are_drawn_where_matplotlib_is(ended):
    pytest.importorskip("matplotlib", reason="needs matplotlib: pip install 'hilum[analyse]'")
    html = write_run_page(ended).read_text("utf-8")
    assert html.count("data:image/svg+xml;base64,") == 6  # AUROC, four networks, the findings
    first = (ended / "run.html").read_bytes()
    assert write_run_page(ended).read_bytes() == first


def test_a_page_without_matplotlib_says_so(ended, no_figures):
    text = text_of(write_run_page(ended))
    assert "Figures are drawn with matplotlib, which is not installed" in text
    assert "0.800 0.700 to 0.850" in text


def test_a_summary_for_the_terminal(begun, request):
    text = printed(begun)
    assert "small: no bundle yet, 31% of training done, about 5 min 30 s left" in text
    assert "overfitting (fold-0, epoch 2): Tune loss rises. Stop earlier." in text
    assert "Concerns that are over again: 1." in text
    ended = request.getfixturevalue("ended")
    write_run_page(ended)
    text = printed(ended)
    assert re.search(r"Pleural effusion +│ +12 │ 0\.800 \(0\.700–0\.850\) │ 0\.650 \(", text)
    assert re.search(r"mean +│ +│ 0\.800 \(0\.700–0\.850\)", text)
    assert f"Bundle: {ended / 'small'}" in text
    assert f"How it went: {ended / 'run.html'}" in text
