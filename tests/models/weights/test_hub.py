"""Weights that timm publishes; no network is needed or used."""

from __future__ import annotations

import urllib.error
import urllib.request

import pytest

torch = pytest.importorskip("torch", reason="needs torch: pip install 'hilum[train]'")

from hilum.errors import RecipeError  # noqa: E402
from hilum.models.weights import hub, start  # noqa: E402
from hilum.models.weights.source import with_warning  # noqa: E402

pytestmark = pytest.mark.train
SMALL = "mobilenetv3_small_050"


@pytest.fixture
def without_network(monkeypatch, tmp_path):
    """No server answers, and the cache of the hub is empty."""

    def refuse(*_args: object, **_options: object) -> None:
        raise urllib.error.URLError("no such host")

    monkeypatch.setattr(urllib.request, "urlopen", refuse)
    monkeypatch.setattr(hub, "try_to_load_from_cache", lambda *_: None)


def test_without_a_network_the_error_says_what_to_bring(fresh, without_network, tmp_path, spec):
    with pytest.raises(
        RecipeError, match=r"hf download timm/resnet18\.a1_in1k model\.safeten"
    ) as e:
        start(fresh("resnet18"), "hub", folder=tmp_path, input=spec)
    for word in ("resnet18.a1_in1k.safetensors", "--weights", "HF_HUB_CACHE"):
        assert word in str(e.value)


def test_a_file_of_the_name_stands_in_for_the_hub(fresh, without_network, drawn, spec, tmp_path):
    name = f"{SMALL}.lamb_in1k"
    drawn(f"{name}.safetensors", classes=1000)
    backbone = fresh()
    found = start(backbone, "hub", folder=tmp_path, input=spec)
    assert found is not None
    assert found.name == f"timm {name}"
    assert found.licence == "Apache-2.0"
    assert found.origin.startswith(f"timm/{name} on the Hugging Face hub")
    assert "three colours kept" in found.origin
    assert len(found.sha256 or "") == 64
    assert start(fresh(), "hub:lamb_in1k", folder=tmp_path, input=spec) == found


def test_a_file_that_is_not_what_its_name_says_is_refused(
    fresh, without_network, drawn, spec, tmp_path
):
    drawn(f"{SMALL}.lamb_in1k.safetensors", classes=1000, bn1__weight=None)
    with pytest.raises(RecipeError, match=r"is not what timm publishes as .*bn1\.weight"):
        start(fresh(), "hub", folder=tmp_path, input=spec)


def test_a_file_in_the_cache_is_found(fresh, monkeypatch, drawn, spec, tmp_path):
    file = drawn("cached.safetensors", classes=1000)
    monkeypatch.setattr(hub, "try_to_load_from_cache", lambda *_: str(file))
    found = start(fresh(), "hub", folder=tmp_path / "none", input=spec)
    assert found is not None
    assert found.name == f"timm {SMALL}.lamb_in1k"


@pytest.mark.parametrize(
    ("name", "said", "message"),
    [
        ("resnet18", "hub:a1_in2k", r"tag of resnet18 .*did you mean a1_in1k"),
        ("squeezenet1_1", "hub", "timm has no network squeezenet1_1"),
        ("mobilenet_edgetpu_100", "hub", "publishes no weights of mobilenet_edgetpu_100"),
    ],
)
def test_what_timm_does_not_publish(fresh, without_network, tmp_path, spec, name, said, message):
    with pytest.raises(RecipeError, match=message):
        start(fresh(name), said, folder=tmp_path, input=spec)


@pytest.mark.parametrize(
    ("licence", "said"),
    [
        ("Apache-2.0", "Apache-2.0"),
        ("mit", "mit"),
        (None, "unknown: ask its publisher"),
        ("", "unknown: ask its publisher"),
        ("cc-by-nc-4.0", "cc-by-nc-4.0 (not permissive"),
    ],
)
def test_a_licence_that_binds_or_is_unknown_is_marked(licence, said):
    assert with_warning(licence).startswith(said)
