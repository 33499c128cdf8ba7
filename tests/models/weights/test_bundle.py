"""Weights of another bundle: rebuilt from its graph, and equal to it."""

from __future__ import annotations

import json

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="needs torch: pip install 'hilum[train]'")

import onnx  # noqa: E402

from hilum import phantoms  # noqa: E402
from hilum.bundles import Bundle, load, save  # noqa: E402
from hilum.bundles.card import Graph as Ends  # noqa: E402
from hilum.bundles.card import Preprocessing  # noqa: E402
from hilum.errors import RecipeError  # noqa: E402
from hilum.models.weights import Declared, backbone_of, start  # noqa: E402
from hilum.models.weights.bundle import tensors  # noqa: E402
from hilum.runtime.graph import Graph  # noqa: E402
from hilum.transforms.preprocess import prepare  # noqa: E402

pytestmark = pytest.mark.train
EDGE = "mobilenet_edgetpu_100"


@pytest.fixture(scope="session")
def chest14() -> Bundle:
    return load("chest14")


def made(bundle: Bundle, out, *, model: bytes, **changes) -> str:
    """A bundle like another one with another graph; what a recipe writes to begin with it."""
    card = bundle.card.model_copy(update={"gate": None, "heatmap_boxes": None, **changes})
    save(card, {"model.onnx": model}, out)
    return f"bundle:{out}"


def test_the_network_of_chest14_gives_its_features_on_radiographs(chest14, fresh, tmp_path):
    assert backbone_of(chest14) == backbone_of("bundle:chest14") == EDGE
    spec = chest14.card.preprocessing
    backbone = fresh(EDGE)
    found = start(backbone, "bundle:chest14", folder=tmp_path, input=spec)
    drawn = [
        phantoms.draw_chest(np.random.default_rng(seed), size=(400, 360)).pixels for seed in (1, 2)
    ]
    batch = np.stack([prepare(np.asarray(p, np.float32), spec)[0] for p in drawn])
    with torch.no_grad():
        rebuilt = backbone(torch.from_numpy(batch)).mean((2, 3)).numpy()
    features = Graph.open(chest14)(batch).features
    assert features is not None
    np.testing.assert_allclose(rebuilt, features, atol=1e-3)
    assert found is not None
    assert (found.licence, found.sha256) == (chest14.card.licence, chest14.digest)
    # Its images may test no network that begins with it, so the card names them.
    assert chest14.card.data[0].name in found.origin
    assert chest14.card.data[0].split_digest[:12] in found.origin
    assert chest14.card.start[0].name in found.origin


def test_a_shorter_network_takes_what_it_has(chest14, fresh, tmp_path):
    short = fresh(EDGE, cut="blocks.2")
    found = start(short, "bundle:chest14", folder=tmp_path, input=chest14.card.preprocessing)
    assert found is not None
    assert "not taken: blocks.3.0" in found.origin
    held = dict(tensors(onnx.load_model_from_string(chest14.read_bytes("model.onnx"))))
    for name, tensor in short.net.named_parameters():
        assert torch.equal(tensor, held[f"network.backbone.net.{name}"]), name


@pytest.mark.parametrize(
    ("name", "said", "value_range", "message"),
    [
        (EDGE, "bundle:chest14", (0.0, 1.0), r"value_range = \[-1, 1\]"),
        ("resnet18", "bundle:chest14", (-1.0, 1.0), r'write backbone = "mobilenet_edgetpu_100"'),
        (EDGE, "bundle:chest15", (-1.0, 1.0), r"did you mean chest14"),
    ],
)
def test_another_input_backbone_or_name_is_refused(
    fresh, tmp_path, name, said, value_range, message
):
    spec = Preprocessing(size=(64, 64), value_range=value_range)
    with pytest.raises(RecipeError, match=message):
        start(fresh(name), said, folder=tmp_path, input=spec)


def test_a_bundle_that_states_no_backbone_is_refused(tiny_bundle, fresh, spec, tmp_path):
    with pytest.raises(RecipeError, match="holds no recipe that names a backbone"):
        start(fresh(), f"bundle:{tiny_bundle.location}", folder=tmp_path, input=spec)
    with pytest.raises(RecipeError, match="names no bundle, so backbone must be written"):
        backbone_of("hub")


def test_a_graph_that_computes_otherwise_is_refused(chest14, fresh, tmp_path):
    model = onnx.load_model_from_string(chest14.read_bytes("model.onnx"))
    first = next(n for n in model.graph.node if n.op_type == "Relu")
    first.op_type = "Sigmoid"
    said = made(chest14, tmp_path / "odd", model=model.SerializeToString())
    with pytest.raises(RecipeError, match="do not give its graph's features"):
        start(fresh(EDGE), said, folder=tmp_path, input=chest14.card.preprocessing)


def test_a_graph_without_a_tensor_is_refused(chest14, fresh, tmp_path):
    model = onnx.load_model_from_string(chest14.read_bytes("model.onnx"))
    tensor = next(t for t in model.graph.initializer if t.name.endswith("conv_stem.weight"))
    tensor.name = "folded"
    for node in model.graph.node:
        for at, source in enumerate(node.input):
            if source.endswith("conv_stem.weight"):
                node.input[at] = "folded"
    said = made(chest14, tmp_path / "odd", model=model.SerializeToString())
    with pytest.raises(RecipeError, match=r"1 missing: conv_stem\.weight"):
        start(fresh(EDGE), said, folder=tmp_path, input=chest14.card.preprocessing)


def test_kept_colours_and_a_head_of_its_own(chest14, fresh, drawn, spec, tmp_path):
    """No output of the graph is the averaged map; the map is found inside it.

    The graph takes one channel, and holds the three-colour kernels under their names.
    """
    first = fresh(cut="blocks.0")
    imagenet = Declared("MIT", "drawn", (0.485, 0.456, 0.406), (0.229, 0.224, 0.225))
    start(first, drawn().name, folder=tmp_path, input=spec, declared=imagenet)
    whole = torch.nn.Sequential()
    whole.add_module("backbone", first)
    whole.add_module("pool", torch.nn.AdaptiveMaxPool2d(1))
    whole.add_module("flat", torch.nn.Flatten())
    whole.add_module("head", torch.nn.Linear(first.width, len(chest14.card.findings)))
    program = torch.onnx.export(
        whole.eval(),
        (torch.zeros(2, 1, 64, 64),),
        input_names=["image"],
        output_names=["logits"],
        dynamic_shapes={"input": {0: torch.export.Dim("batch")}},
        dynamo=True,
        optimize=False,
        verbose=False,
    )
    assert program is not None
    held = {t.name: list(t.dims) for t in program.model_proto.graph.initializer}
    assert held["backbone.net.conv_stem.weight"] == [16, 3, 3, 3]
    assert held["backbone.net.conv_stem.grey_scale"] == [1, 3, 1, 1]
    assert held["backbone.net.conv_stem.grey_shift"] == [1, 3, 1, 1]
    said = made(
        chest14,
        tmp_path / "own",
        model=program.model_proto.SerializeToString(),
        preprocessing=spec,
        graph=Ends(),
        provenance={"recipe": json.dumps({"model": {"backbone": first.name, "cut": "blocks.0"}})},
    )
    second = fresh(cut="blocks.0")
    start(second, said, folder=tmp_path, input=spec)
    image = torch.rand(1, 1, 64, 64)
    with torch.no_grad():
        assert torch.allclose(first(image), second(image), atol=1e-5)
