import dataclasses
import importlib.util
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from hilum.bundles import save
from hilum.errors import InvalidCard, MissingExtra, UnknownName
from hilum.runtime import RUNTIMES, Graph

RUNNABLE = [
    pytest.param(
        name,
        marks=pytest.mark.skipif(
            importlib.util.find_spec(name) is None, reason=f"{name} is not installed"
        ),
    )
    for name in RUNTIMES
]


def pictures(count, seed=0):
    return np.random.default_rng(seed).normal(size=(count, 1, 32, 32)).astype(np.float32)


@pytest.fixture(params=RUNNABLE)
def graph(request, tiny_bundle):
    return Graph.open(tiny_bundle, runtime=request.param)


def test_every_runtime_resolves():
    for name in RUNTIMES:
        assert callable(RUNTIMES.resolve(name))


def test_one_pass_gives_logits_features_and_maps(graph):
    out = graph(pictures(2))
    assert (out.logits.shape, out.features.shape, out.cams.shape) == ((2, 3), (2, 6), (2, 3, 4, 4))
    assert {a.dtype for a in (out.logits, out.features, out.cams)} == {np.dtype(np.float32)}
    bias = np.array([0.5, -0.25, 0.0])
    np.testing.assert_allclose(out.cams.mean(axis=(2, 3)) + bias, out.logits, atol=1e-5)


def test_a_batch_gives_what_its_pictures_give_alone(graph):
    batch = pictures(3)
    alone = np.concatenate([graph(batch[i : i + 1]).logits for i in range(3)])
    np.testing.assert_allclose(graph(batch).logits, alone, atol=1e-5)


def test_runtimes_agree(graph, tiny_bundle):
    batch = pictures(1)
    reference = Graph.open(tiny_bundle)(batch)
    np.testing.assert_allclose(graph(batch).logits, reference.logits, atol=1e-4)
    np.testing.assert_allclose(graph(batch).cams, reference.cams, atol=1e-4)


def test_threads_share_one_graph(graph):
    batches = [pictures(1, seed) for seed in range(40)]
    expected = [graph(batch).logits for batch in batches]
    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(lambda batch: graph(batch).logits, batches))
    np.testing.assert_allclose(np.array(found), np.array(expected), atol=1e-6)


def test_outputs_that_the_card_does_not_name_are_none(tiny_card, tiny_model, tmp_path):
    card = tiny_card.model_copy(
        update={"graph": tiny_card.graph.model_copy(update={"features": None, "cams": None})}
    )
    out = Graph.open(save(card, {"model.onnx": tiny_model}, tmp_path / "b"))(pictures(1))
    assert out.features is None
    assert out.cams is None


def with_graph(card, **ends):
    return card.model_copy(update={"graph": card.graph.model_copy(update=ends)})


@pytest.mark.parametrize(
    ("ends", "message"),
    [
        ({"input": "picture"}, r"names the input 'picture', the graph has \['image'\]"),
        ({"logits": "scores"}, r"names the outputs \['scores'\], the graph has \['logits'"),
        ({"cams": "maps"}, r"names the outputs \['maps'\]"),
    ],
)
def test_a_card_that_names_other_ends(tiny_card, tiny_model, tmp_path, ends, message):
    bundle = save(with_graph(tiny_card, **ends), {"model.onnx": tiny_model}, tmp_path / "b")
    with pytest.raises(InvalidCard, match=message):
        Graph.open(bundle)


def test_a_graph_that_is_none(tiny_card, tmp_path):
    bundle = save(tiny_card, {"model.onnx": b"no graph"}, tmp_path / "b")
    with pytest.raises(InvalidCard, match=r"ONNX Runtime \S+ cannot load the graph"):
        Graph.open(bundle)


def test_an_input_of_another_shape(tiny_bundle):
    with pytest.raises(InvalidCard, match=r"does not take an input of shape \[1, 1, 16, 32\]"):
        Graph.open(tiny_bundle)(pictures(1)[:, :, :16])


def test_a_graph_that_gives_fewer_findings_than_its_card(tiny_card, tiny_model, tmp_path):
    card = tiny_card.model_copy(update={"findings": tiny_card.findings[:2]})
    graph = Graph.open(save(card, {"model.onnx": tiny_model}, tmp_path / "b"))
    with pytest.raises(InvalidCard, match=r"gave logits \[1, 3\] .* for 1 pictures and 2 findings"):
        graph(pictures(1))


def test_an_unknown_runtime(tiny_bundle):
    with pytest.raises(UnknownName, match="did you mean onnxruntime"):
        Graph.open(tiny_bundle, runtime="onxruntime")


@pytest.mark.skipif(
    importlib.util.find_spec("openvino") is not None, reason="openvino is installed"
)
def test_a_runtime_that_is_not_installed(tiny_bundle):
    with pytest.raises(MissingExtra, match=r"pip install 'hilum\[openvino\]'"):
        Graph.open(tiny_bundle, runtime="openvino")


def test_a_graph_is_frozen(tiny_bundle):
    with pytest.raises(dataclasses.FrozenInstanceError, match="cannot assign"):
        Graph.open(tiny_bundle).run = None
