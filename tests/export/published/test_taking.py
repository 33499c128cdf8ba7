"""Tensors by their published names → Hilum's network, all of them or a list of what is wrong."""

from __future__ import annotations

import io

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="needs torch: pip install 'hilum[train]'")

from hilum.errors import BundleError  # noqa: E402
from hilum.export.published.taking import network_of, read_tensors  # noqa: E402
from hilum.models.network import build_network  # noqa: E402
from hilum.models.tasks import Task  # noqa: E402

pytestmark = pytest.mark.train


@pytest.fixture(scope="module")
def tensors(small):
    """What the publisher would have saved of the small network: all four outputs."""
    torch.manual_seed(0)
    keys = ("effusion", "pneumonia", "mass", "lung_lesion")
    made = build_network(backbone="resnet18", tasks=[Task("multi-label", keys)])
    torch.nn.init.normal_(made.head.last.weight)
    torch.nn.init.normal_(made.head.last.bias)
    names = {
        n: n.removeprefix("backbone.net.").replace("head.last", "fc") for n in made.state_dict()
    }
    return {names[n]: t.numpy() for n, t in made.state_dict().items()}


def test_the_outputs_that_were_trained_are_taken(small, tensors):
    network = network_of(small, tensors)
    assert network.findings == ("effusion", "mass")
    assert not network.training
    assert np.array_equal(network.head.last.weight.detach().numpy(), tensors["fc.weight"][[0, 2]])
    assert np.array_equal(network.head.last.bias.detach().numpy(), tensors["fc.bias"][[0, 2]])
    state = network.state_dict()
    for name, tensor in tensors.items():
        if not name.startswith("fc."):
            assert np.array_equal(state[f"backbone.net.{name}"].numpy(), tensor), name


def test_counters_may_be_missing_and_points_may_be_there(small, tensors):
    some = {n: t for n, t in tensors.items() if not n.endswith("num_batches_tracked")}
    points = np.array([0.25, np.nan, 0.125, np.nan], np.float32)
    assert network_of(small, {**some, "op_threshs": points}).findings == ("effusion", "mass")


CHANGES = {
    "missing": (lambda t: t.pop("conv1.weight"), r"1 missing \(conv1.weight\)"),
    "many missing": (
        lambda t: [t.pop(n) for n in list(t) if n.startswith("layer1") and "num_b" not in n],
        r"20 missing \(layer1.0.bn1.bias, .* and 15 more\)",
    ),
    "unknown": (lambda t: t.update({"fc2.weight": np.zeros(2)}), r"1 unknown \(fc2.weight\)"),
    "shape": (
        lambda t: t.update({"conv1.weight": np.zeros((64, 3, 7, 7), np.float32)}),
        r"1 of another shape \(conv1.weight is \[64, 3, 7, 7\]\)",
    ),
    "outputs": (
        lambda t: t.update({"fc.weight": t["fc.weight"][:3], "fc.bias": t["fc.bias"][:3]}),
        r"2 of another shape \(fc.bias is \[3\], fc.weight is \[3, 512\]\)",
    ),
    "not finite": (
        lambda t: t.update({"fc.bias": np.full(4, np.inf, np.float32)}),
        r"1 not finite \(fc.bias\)",
    ),
    "points": (
        lambda t: t.update({"op_threshs": np.full(4, 0.5, np.float32)}),
        r"1 of other operating points \(op_threshs\)",
    ),
}


@pytest.mark.parametrize("change", CHANGES)
def test_what_does_not_fit_is_listed(small, tensors, change):
    alter, message = CHANGES[change]
    changed = dict(tensors)
    alter(changed)
    with pytest.raises(BundleError, match=f"{message}.*Is it the file of another network"):
        network_of(small, changed)


def test_files_in_three_forms_are_the_same(tensors):
    from safetensors.torch import save

    state = {n: torch.from_numpy(np.array(t)) for n, t in tensors.items()}
    stream = io.BytesIO()
    torch.save(state, stream)
    for data, name in ((stream.getvalue(), "a.pt"), (save(state), "a.safetensors")):
        found = read_tensors(data, name)
        assert found.keys() == tensors.keys()
        assert all(np.array_equal(found[n], tensors[n]) for n in tensors)
        with pytest.raises(BundleError, match=rf"{name} is .*cut"):
            read_tensors(data[: len(data) // 2], name)
