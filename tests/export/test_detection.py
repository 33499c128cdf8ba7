"""A detector becomes a bundle whose graph suppresses boxes and gives the network's numbers."""

import json

import numpy as np
import onnx
import pytest

torch = pytest.importorskip("torch", reason="needs torch: pip install 'hilum[train]'")

from hilum.bundles import Card  # noqa: E402
from hilum.errors import BundleError  # noqa: E402
from hilum.export import detection  # noqa: E402
from hilum.export.detection import CANDIDATES, export_detector  # noqa: E402
from hilum.export.graph import round_weights  # noqa: E402
from hilum.models.backbones import build_backbone  # noqa: E402
from hilum.models.detection import HEADS, build_detector  # noqa: E402
from hilum.models.tasks import Task  # noqa: E402
from hilum.models.weights import start  # noqa: E402
from hilum.phantoms import draw_chest  # noqa: E402
from hilum.runtime import Graph  # noqa: E402
from hilum.runtime.check import graph_faults  # noqa: E402

pytestmark = pytest.mark.train
KINDS = ("nodule", "consolidation")
SIZE = (64, 96)
CARD = {
    "name": "boxes",
    "version": "1.0.0",
    "summary": "s",
    "intended_use": "u",
    "licence": "l",
    "boxes": [{"key": key} for key in KINDS],
    "preprocessing": {"size": SIZE},
    "graph": {"boxes": "boxes"},
}
WHOLE = CARD | {
    "findings": [{"key": key} for key in ("mass", "edema", "hernia")],
    "structures": ["lung_right"],
    "gate": "gate.npz",
    "graph": {"boxes": "boxes", "masks": "masks", "features": "features", "cams": "cams"},
}


def lively(head="small", *, whole=False):
    """A network whose answers differ from place to place."""
    torch.manual_seed(3)
    more = {"task": Task("one-of", ("mass", "edema", "hernia")), "structures": ("lung_right",)}
    network = build_detector(
        build_backbone("test_efficientnet"), head, KINDS, size=SIZE, **(more if whole else {})
    )
    for name, parameter in network.named_parameters():
        if not name.startswith("backbone.") and parameter.ndim > 1:
            torch.nn.init.normal_(parameter, std=0.1)
    round_weights(network)
    return network.eval()


def pictures(count=3):
    drawn = [draw_chest(np.random.default_rng(i), size=SIZE) for i in range(count)]
    return np.stack([phantom.pixels for phantom in drawn])[:, None]


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """A network that says findings, draws a mask and boxes, and its bundle."""
    network = lively(whole=True)
    out = tmp_path_factory.mktemp("exported") / "whole"
    card = Card.model_validate(WHOLE)
    return network, export_detector(network, card, pictures(), out, gate=b"statistics")


def test_everything_stands_in_one_graph(whole):
    network, bundle = whole
    images = pictures(5)  # another batch than it was checked with
    found = Graph.open(bundle)(images)
    with torch.inference_mode():
        logits, masks, boxes = network(torch.from_numpy(images))
        everything = network.everything(torch.from_numpy(images))
    for mine, theirs in (
        (found.logits, logits),
        (found.features, everything.features),
        (found.cams, everything.cams),
        (found.masks, masks),
        (found.boxes, boxes),
    ):
        np.testing.assert_allclose(mine, theirs.numpy(), atol=2e-4, rtol=1e-4)
    counts = (found.boxes[..., 4] > 0).sum(1)
    assert (counts > 3).all()  # there was something to compare
    assert bundle.card.provenance["parity"].endswith("on 3 radiographs")
    assert bundle.read_bytes("gate.npz") == b"statistics"


def test_the_graph_suppresses_by_itself_and_keeps_no_candidates(whole):
    _, bundle = whole
    model = bundle.read_bytes("model.onnx")
    graph = onnx.load_model_from_string(model).graph
    assert [one.name for one in graph.output] == ["logits", "features", "cams", "masks", "boxes"]
    assert [n.op_type for n in graph.node].count("NonMaxSuppression") == 1
    assert not {one.name for one in graph.output} & set(CANDIDATES)
    assert graph_faults(model, bundle.card) == []


def test_openvino_gives_the_same_boxes(whole):
    pytest.importorskip("openvino", reason="needs OpenVINO: pip install 'hilum[openvino]'")
    _, bundle = whole
    images = pictures(2)
    one, other = (Graph.open(bundle, runtime=name)(images) for name in ("onnxruntime", "openvino"))
    np.testing.assert_allclose(one.boxes, other.boxes, atol=1e-3, rtol=1e-3)


@pytest.mark.slow
@pytest.mark.parametrize("head", [name for name in HEADS if name != "small"])
def test_every_head_becomes_a_graph(head, tmp_path):
    network = lively(head)
    bundle = export_detector(network, Card.model_validate(CARD), pictures(), tmp_path / head)
    images = pictures(5)  # another batch than it was traced with
    found = Graph.open(bundle)(images)
    with torch.inference_mode():
        (boxes,) = network(torch.from_numpy(images))
    assert found.boxes is not None
    np.testing.assert_allclose(found.boxes, boxes.numpy(), atol=1e-3, rtol=1e-3)
    assert (found.boxes[..., 4] > 0).sum() > 10


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"boxes": [{"key": "nodule"}]}, "boxes around nodule, consolidation, .* names nodule"),
        ({"findings": [{"key": "mass"}]}, "the findings none, and the card of boxes names mass"),
        (
            {"structures": ["lung_left"], "graph": {"boxes": "boxes", "masks": "masks"}},
            "the structures none, .* names lung_left",
        ),
        ({"graph": {"boxes": "boxes", "cams": "cams"}}, "leave `graph.cams` out"),
    ],
)
def test_a_card_of_another_network_is_refused(change, message, tmp_path):
    with pytest.raises(BundleError, match=message):
        export_detector(lively(), Card.model_validate(CARD | change), pictures(), tmp_path / "no")


def test_a_graph_that_differs_is_no_bundle(tmp_path, monkeypatch):
    monkeypatch.setattr(detection, "candidates_apart", lambda *_: 0.25)
    monkeypatch.setattr(detection, "module_to_onnx", lambda *_, **__: b"")
    monkeypatch.setattr(
        detection, "compile_graph", lambda *_, **__: lambda _: [np.zeros((1, 0, 6))] * 3
    )
    with pytest.raises(BundleError, match=r"differs from the network by 0\.25, allowed are 1e-04"):
        export_detector(lively(), Card.model_validate(CARD), pictures(), tmp_path / "no")
    assert not (tmp_path / "no").exists()


def test_another_training_can_begin_with_its_backbone(tmp_path):
    """Classifier to detector, detector to detector: the same door, by the bundle's name."""
    said = json.dumps({"model": {"backbone": "test_efficientnet"}})
    card = CARD | {"graph": {"boxes": "boxes", "features": "features"}, "name": "first"}
    network = lively()
    bundle = export_detector(
        network, Card.model_validate(card | {"provenance": {"recipe": said}}), pictures(),
        tmp_path / "first",
    )  # fmt: skip
    backbone = build_backbone("test_efficientnet")
    said = start(
        backbone, f"bundle:{tmp_path / 'first'}", folder=tmp_path, input=bundle.card.preprocessing
    )
    assert said is not None
    assert said.name == "bundle:first 1.0.0"
    mine, theirs = backbone.state_dict(), network.backbone.state_dict()
    assert all(
        torch.equal(mine[name], theirs[name]) for name in theirs if "num_batches" not in name
    )
