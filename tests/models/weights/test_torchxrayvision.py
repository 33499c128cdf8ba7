"""Files of the package torchxrayvision: pickles of whole networks, read as tensors alone."""

from __future__ import annotations

import warnings

import pytest

torch = pytest.importorskip("torch", reason="needs torch: pip install 'hilum[train]'")

from hilum.errors import RecipeError  # noqa: E402
from hilum.models.backbones import build_backbone  # noqa: E402
from hilum.models.weights.levels import Levels  # noqa: E402
from hilum.models.weights.take import take  # noqa: E402
from hilum.models.weights.torchxrayvision import LEVELS, PUBLISHED, from_torchxrayvision  # noqa: E402

pytestmark = pytest.mark.train
ALL = "densenet121-res224-all"
FILE = PUBLISHED[ALL].file


@pytest.fixture(scope="module")
def xrv():
    """The package, which silences all warnings when it is imported."""
    with warnings.catch_warnings():
        return pytest.importorskip("torchxrayvision", reason="pip install torchxrayvision")


def test_a_pickled_network_gives_its_own_features(xrv, tmp_path):
    from safetensors.torch import save_file

    torch.manual_seed(0)
    original = xrv.models.DenseNet(num_classes=18).eval()
    torch.save(original, tmp_path / FILE)
    save_file(original.state_dict(), tmp_path / f"{ALL}.safetensors")
    pickled = from_torchxrayvision("densenet121", ALL, tmp_path / "none", tmp_path)
    converted = from_torchxrayvision("densenet121", ALL, tmp_path, tmp_path / "none")
    assert pickled.start.name == f"torchxrayvision:{ALL}"
    assert "MIMIC-CXR" in pickled.start.origin
    assert "terms of their own" in pickled.start.licence
    assert pickled.state.keys() == converted.state.keys()
    assert all(torch.equal(pickled.state[n], converted.state[n]) for n in pickled.state)
    backbone = build_backbone("densenet121").eval()
    assert take(backbone, pickled, LEVELS) == ["not taken: classifier.bias, classifier.weight"]
    image = torch.rand(1, 1, 64, 64) * 2048 - 1024
    with torch.no_grad():
        wanted = original.features2(image)
        got = backbone(image).mean((2, 3))
    assert float((got - wanted).abs().max() / wanted.abs().max()) < 1e-5


def test_the_form_before_torch_1_6_is_read_as_well(tmp_path, xrv):
    """The package's own DenseNets are published in that form."""
    network = xrv.models.DenseNet(block_config=(1,), num_classes=2)
    torch.save(network, tmp_path / FILE, _use_new_zipfile_serialization=False)
    found = from_torchxrayvision("densenet121", ALL, tmp_path, tmp_path)
    wanted = network.state_dict()
    assert found.state.keys() == wanted.keys()
    assert all(torch.equal(found.state[n], wanted[n]) for n in wanted)


def test_what_is_not_there_comes_with_a_way_out(tmp_path, xrv, monkeypatch):
    """The way out is the command of the message, run as it stands."""
    with pytest.raises(RecipeError, match="was run: python -c") as refused:
        from_torchxrayvision("densenet121", ALL, tmp_path, tmp_path)
    code = str(refused.value).split('python -c "')[1].split('" makes')[0]
    monkeypatch.setattr(xrv.models, "get_model", lambda _name: xrv.models.DenseNet())
    monkeypatch.chdir(tmp_path)
    exec(code, {})
    found = from_torchxrayvision("densenet121", ALL, tmp_path, tmp_path)
    assert "features.denseblock4.denselayer16.conv2.weight" in found.state


def test_the_names_are_those_of_the_package(xrv):
    theirs = {n: url["weights_url"] for n, url in xrv.models.model_urls.items() if "-res" in n}
    ours = {n: p.file for n, p in PUBLISHED.items()}
    assert ours == {n: url.rsplit("/", 1)[-1] for n, url in theirs.items()}


class Code:
    """No class of such a network."""


def test_a_damaged_file_is_refused(tmp_path):
    (tmp_path / FILE).write_bytes(b"cut")
    with pytest.raises(RecipeError, match="cut, damaged"):
        from_torchxrayvision("densenet121", ALL, tmp_path, tmp_path)


def test_a_pickle_of_anything_else_is_refused(tmp_path):
    network = torch.nn.Sequential(torch.nn.Conv2d(1, 1, 1))
    network.other = Code()  # type: ignore[assignment]
    torch.save(network, tmp_path / FILE)
    with pytest.raises(RecipeError, match=r"is refused: it names .*Code.*Nothing was run"):
        from_torchxrayvision("densenet121", ALL, tmp_path, tmp_path)


@pytest.mark.parametrize(
    ("backbone", "name", "message"),
    [
        ("densenet121", ALL, r"has not downloaded densenet121-res224-all here.*python -c"),
        ("resnet18", ALL, r'write backbone = "densenet121"'),
        ("densenet121", "densenet121-res224-al", r"did you mean densenet121-res224-all"),
    ],
)
def test_what_is_not_there_says_what_to_do(tmp_path, backbone, name, message):
    with pytest.raises(RecipeError, match=message):
        from_torchxrayvision(backbone, name, tmp_path, tmp_path)


def test_a_state_by_name_and_the_input_of_all(tmp_path):
    """The ResNet is published as tensors by name; all of them learnt grey as -1024 to 1024."""
    name = "resnet50-res512-all"
    torch.save({"conv1.weight": torch.ones(2)}, tmp_path / PUBLISHED[name].file)
    found = from_torchxrayvision("resnet50", name, tmp_path, tmp_path)
    assert found.state["conv1.weight"].tolist() == [1.0, 1.0]
    assert found.levels == Levels((-1024.0,), (1024.0,))
