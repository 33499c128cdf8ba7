"""The loop learns drawn chests, and goes on as if it had never stopped."""

import json

import numpy as np
import pytest

pytest.importorskip("torch", reason="needs the extra train: pip install 'hilum[train]'")

import torch

from hilum.bundles.card import Preprocessing
from hilum.errors import RunError
from hilum.models.segmentation import Segmenter, build_encoder
from hilum.training.lungs.data import drawn_examples
from hilum.training.segmentation.examples import Examples
from hilum.training.segmentation.fit import (
    Fit,
    dice,
    dice_and_cross_entropy,
    fit_segmenter,
)

pytestmark = pytest.mark.train

SPEC = Preprocessing(size=(64, 64), value_range=(-1.0, 1.0))
FIT = Fit(epochs=2, batch=4, lr=5e-3, encoder_lr=1e-3, average=0.5, half=False, seed=1)


@pytest.fixture(scope="module")
def examples():
    torch.set_num_threads(1)
    return drawn_examples(16, 64, seed=0)


def network():
    torch.manual_seed(0)
    return Segmenter(build_encoder("test_efficientnet", None)[0], 2, width=16, stages=3)


def test_the_loss_is_that_of_its_formula():
    logits = torch.tensor([[[[2.0, -1.0], [0.5, 0.0]]]], dtype=torch.float64)
    target = torch.tensor([[[[1.0, 0.0], [1.0, 0.25]]]], dtype=torch.float64)
    p = 1 / (1 + np.exp(-logits.numpy()))
    t = target.numpy()
    expected = 1 - (2 * (p * t).sum() + 1) / ((p**2).sum() + (t**2).sum() + 1)
    expected += -(t * np.log(p) + (1 - t) * np.log(1 - p)).mean()
    assert float(dice_and_cross_entropy(logits, target)[0, 0]) == pytest.approx(expected)


def test_dice_of_empty_masks_is_one():
    empty, full = np.zeros((1, 1, 4, 4)), np.ones((1, 1, 4, 4))
    assert dice(empty, empty) == 1
    assert dice(full, empty) == 0
    assert dice(full, full) == 1


def test_it_learns_and_goes_on_as_if_never_stopped(tmp_path, examples):
    whole = fit_segmenter(network(), examples, SPEC, FIT, folder=tmp_path / "whole")
    lines = [
        json.loads(line) for line in (tmp_path / "whole/epochs.jsonl").read_text().splitlines()
    ]
    assert [line["epoch"] for line in lines] == [0, 1]
    assert lines[1]["train_loss"] < lines[0]["train_loss"]
    assert set(lines[0]["tune_dice"]) == {"phantoms (drawn)"}

    class Stopped(Exception):
        pass

    def stop(_line):
        raise Stopped

    with pytest.raises(Stopped):
        fit_segmenter(network(), examples, SPEC, FIT, folder=tmp_path / "parts", say=stop)
    torch.manual_seed(99)  # what came before must not matter
    again = fit_segmenter(network(), examples, SPEC, FIT, folder=tmp_path / "parts")
    for one, other in zip(whole.parameters(), again.parameters(), strict=True):
        torch.testing.assert_close(one, other, rtol=0, atol=0)
    with pytest.raises(RunError, match="other settings or rows"):
        fit_segmenter(network(), examples, SPEC, Fit(seed=9), folder=tmp_path / "parts")


def test_nothing_to_learn_from(tmp_path, examples):
    bare = Examples(
        examples.pictures,
        examples.masks,
        examples.name,
        examples.source,
        examples.patient,
        examples.part,
        ("",) * len(examples),
    )
    with pytest.raises(RunError, match="no examples with masks in train"):
        fit_segmenter(network(), bare, SPEC, FIT, folder=tmp_path)
