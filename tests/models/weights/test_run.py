"""Weights of another run's checkpoint; nothing that could run code is loaded."""

from __future__ import annotations

import json
import os

import pytest

torch = pytest.importorskip("torch", reason="needs torch: pip install 'hilum[train]'")

from hilum.errors import RecipeError  # noqa: E402
from hilum.models.weights import Declared, start  # noqa: E402

pytestmark = pytest.mark.train
SMALL = "mobilenetv3_small_050"


@pytest.fixture
def run(fresh, tmp_path):
    """A run's folder with a checkpoint and a recipe."""
    torch.manual_seed(3)
    backbone = fresh()
    for parameter in backbone.parameters():
        torch.nn.init.normal_(parameter)
    saved = {f"network.backbone.net.{n}": t for n, t in backbone.net.state_dict().items()}
    saved["network.head.weight"] = torch.zeros(3, backbone.width)
    (tmp_path / "run" / "final").mkdir(parents=True)
    torch.save({"epoch": 1, "state_dict": saved}, tmp_path / "run" / "final" / "best.ckpt")
    recipe = {
        "bundle": {"name": "mine", "version": "0.1.0", "licence": "Apache-2.0"},
        "data": {"name": "our radiographs", "licence": "CC0-1.0"},
        "model": {"backbone": SMALL, "weights": "hub"},
        "input": {"size": [64, 64], "value_range": [-1.0, 1.0], "mean": [0.0], "std": [1.0]},
    }
    (tmp_path / "run" / "recipe.json").write_text(json.dumps(recipe))
    return tmp_path / "run", backbone


@pytest.mark.parametrize("part", ["", "final/best.ckpt"])
def test_the_best_checkpoint_of_a_run(fresh, run, spec, tmp_path, part):
    folder, saved = run
    backbone = fresh()
    found = start(backbone, f"run:{folder / part}", folder=tmp_path, input=spec)
    assert found is not None
    for name, tensor in backbone.net.state_dict().items():
        assert torch.equal(tensor, saved.net.state_dict()[name]), name
    assert found.licence == "Apache-2.0"
    assert "learnt from our radiographs (CC0-1.0) and began with hub" in found.origin
    assert "may test no network" in found.origin
    assert len(found.sha256 or "") == 64


def test_a_checkpoint_without_a_recipe_needs_words(fresh, run, spec, tmp_path):
    folder, _ = run
    alone = tmp_path / "alone.ckpt"
    alone.write_bytes((folder / "final" / "best.ckpt").read_bytes())
    with pytest.raises(RecipeError, match="weights_licence and weights_origin"):
        start(fresh(), f"run:{alone}", folder=tmp_path, input=spec)
    said = Declared("MIT", "a run of mine")
    found = start(fresh(), f"run:{alone}", folder=tmp_path, input=spec, declared=said)
    assert found is not None
    assert found.origin.startswith("a run of mine; its input is not known")


@pytest.mark.parametrize(
    ("part", "change", "message"),
    [
        ("model", {"backbone": "resnet18"}, "was made with backbone 'resnet18'"),
        ("input", {"value_range": [0.0, 1.0]}, "learnt grey 0 to 1 as 0 to 1, the recipe"),
    ],
)
def test_another_recipe_is_refused(fresh, run, spec, tmp_path, part, change, message):
    folder, _ = run
    recipe = json.loads((folder / "recipe.json").read_text())
    recipe[part] |= change
    (folder / "recipe.json").write_text(json.dumps(recipe))
    with pytest.raises(RecipeError, match=message):
        start(fresh(), f"run:{folder}", folder=tmp_path, input=spec)


class Code:
    """What a stranger may put into a pickle."""

    def __reduce__(self) -> tuple[object, tuple[str]]:
        return os.mkdir, ("run-by-a-pickle",)


def test_code_in_a_checkpoint_is_refused_and_not_run(fresh, run, spec, tmp_path, monkeypatch):
    folder, _ = run
    monkeypatch.chdir(tmp_path)
    torch.save({"state_dict": {"a": Code()}}, folder / "final" / "best.ckpt")
    with pytest.raises(RecipeError, match=r"could run code .*refused.*posix\.mkdir"):
        start(fresh(), f"run:{folder}", folder=tmp_path, input=spec)
    assert not (tmp_path / "run-by-a-pickle").exists()


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", r"damaged or no checkpoint|could run code"),
        (b"PK\x03\x04 cut", r"damaged or no checkpoint"),
        ([torch.zeros(1)], r"holds no tensors by name"),
        ({"state_dict": {"other": torch.zeros(1)}}, r"holds no tensor of this backbone"),
    ],
)
def test_a_damaged_or_strange_checkpoint_is_refused(fresh, run, spec, tmp_path, content, message):
    folder, _ = run
    file = folder / "final" / "best.ckpt"
    if isinstance(content, bytes):
        file.write_bytes(content)
    else:
        torch.save(content, file)
    with pytest.raises(RecipeError, match=message):
        start(fresh(), f"run:{folder}", folder=tmp_path, input=spec)


def test_two_backbones_alike_are_refused(fresh, run, spec, tmp_path):
    folder, saved = run
    state = saved.net.state_dict()
    both = {f"{side}.net.{n}": t for side in ("frontal", "lateral") for n, t in state.items()}
    torch.save({"state_dict": both}, folder / "final" / "best.ckpt")
    with pytest.raises(RecipeError, match=r"2 backbones alike: frontal\.net\., lateral\.net\."):
        start(fresh(), f"run:{folder}", folder=tmp_path, input=spec)


def test_a_run_without_a_checkpoint(fresh, spec, tmp_path):
    with pytest.raises(RecipeError, match=r"has no checkpoint final/best\.ckpt"):
        start(fresh(), f"run:{tmp_path}", folder=tmp_path, input=spec)


def test_kept_colours_come_along(fresh, run, drawn, spec, tmp_path):
    """A run that began with three colours hands its stem on."""
    folder, _ = run
    imagenet = Declared("MIT", "drawn", (0.485, 0.456, 0.406), (0.229, 0.224, 0.225))
    first = fresh().eval()
    start(first, drawn().name, folder=tmp_path, input=spec, declared=imagenet)
    saved = {f"network.backbone.net.{n}": t for n, t in first.net.state_dict().items()}
    torch.save({"state_dict": saved}, folder / "final" / "best.ckpt")
    second = fresh().eval()
    start(second, f"run:{folder}", folder=tmp_path, input=spec)
    image = torch.rand(1, 1, 64, 64)
    with torch.no_grad():
        assert torch.equal(first(image), second(image))
