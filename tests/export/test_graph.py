"""Every kind of network becomes a graph that gives its numbers."""

import cv2
import numpy as np
import onnx
import pytest
from onnx import numpy_helper

torch = pytest.importorskip("torch", reason="needs torch: pip install 'hilum[train]'")

from hilum.bundles.card import Card, Graph  # noqa: E402
from hilum.domain import Refusal  # noqa: E402
from hilum.errors import BundleError  # noqa: E402
from hilum.export.bundle import export_bundle  # noqa: E402
from hilum.export.graph import ends, parity, round_weights, to_onnx  # noqa: E402
from hilum.models.backbones import build_backbone  # noqa: E402
from hilum.models.ensemble import Averaged, OneEach  # noqa: E402
from hilum.models.network import build_network  # noqa: E402
from hilum.models.tasks import Task  # noqa: E402
from hilum.models.views import OneView, SeveralViews  # noqa: E402
from hilum.phantoms import draw_chest  # noqa: E402
from hilum.runtime.check import graph_faults  # noqa: E402
from hilum.runtime.onnx import compile_graph  # noqa: E402

pytestmark = pytest.mark.train
FINDINGS = Task("multi-label", ("mass", "nodule"))
ALL = (FINDINGS, Task("one-of", ("edema", "hernia", "fibrosis")), Task("ordinal", tuple("abcd")))
SIZE = (64, 96)


def lively(network):
    torch.manual_seed(3)
    head = network.network.head if isinstance(network, OneView) else network.head
    for parameter in head.parameters():
        torch.nn.init.normal_(parameter)
    return network.eval()


def network(backbone="test_resnet", tasks=(FINDINGS,), **options):
    torch.manual_seed(0)
    return lively(build_network(backbone=backbone, tasks=tasks, **options))


def one_view(join, own):
    torch.manual_seed(0)
    whole = SeveralViews(build_backbone("test_resnet"), ALL, views=2, join=join, own=own)
    return lively(OneView(whole))


def pictures(rows, columns, batch=3):
    """Drawn chests, as grey in [0, 1]."""
    drawn = [draw_chest(np.random.default_rng(i), size=(rows, columns)) for i in range(batch)]
    return np.stack([phantom.pixels for phantom in drawn])[:, None]


def outputs_of(model, graph, images):
    names = [name for name in (graph.logits, graph.features, graph.cams) if name]
    return dict(
        zip(names, compile_graph(model, graph.input, names, threads=1)(images), strict=True)
    )


def exported(found, size=SIZE):
    """The graph, after all checks that a bundle makes; another batch than it was traced with."""
    round_weights(found)
    graph = ends(found)
    model = to_onnx(found, size, graph)
    images = pictures(*size)
    out = outputs_of(model, graph, images)
    assert parity(found, list(out.values()), images, graph) <= 1e-4
    assert bool(graph.cams) == bool(found.heatmaps)
    return model, graph, out


FAST = {
    "tasks side by side, attention": lambda: network(tasks=ALL, head="attention"),
    "own stem, others missing": lambda: one_view("concatenate", "layer1"),
}
SLOW = {
    "concat-pool": lambda: network("squeezenet1_0", head="concat-pool"),
    "group norm": lambda: network(normalisation="group", tasks=ALL),
    "instance norm": lambda: network(normalisation="instance"),
    "layer norm": lambda: network(normalisation="layer"),
    "no norm": lambda: network(normalisation="none"),
    "convnext": lambda: network("test_convnext", tasks=ALL, drop_path=0.1),
    "cut": lambda: network("test_efficientnet", cut="blocks.2", head="attention"),
    "transformer": lambda: network("test_vit", tasks=ALL),
    "transformer, attention": lambda: network("test_vit", head="attention"),
    "transformer, concat-pool": lambda: network("test_vit", tasks=ALL, head="concat-pool"),
    "one a finding": lambda: OneEach(
        [network(tasks=[Task("binary", ("mass",))]), network("test_vit", tasks=ALL[1:])],
        ("hernia", "mass"),
    ),
    "mean of views": lambda: one_view("mean", ""),
    "densenet": lambda: network("densenet121"),
    "swin": lambda: network("swin_tiny_patch4_window7_224"),
    "nasnet": lambda: network("nasnet_mobile"),
    "inception": lambda: network("inception_resnet_v2"),
}


@pytest.mark.parametrize("kind", FAST)
def test_torch_and_the_graph_agree(kind):
    exported(FAST[kind]())


@pytest.mark.slow
@pytest.mark.parametrize("kind", SLOW)
def test_torch_and_the_graph_agree_for_all_others(kind):
    exported(SLOW[kind](), (224, 224) if kind in ("swin", "nasnet", "inception") else SIZE)


def test_log_odds_stay_right_where_they_are_large():
    """Softmax and grades inside the graph: 1e3 overflows exp, and 1 − p cancels."""
    found, graph, images = network(tasks=ALL[1:]), Graph(), pictures(*SIZE)
    with torch.no_grad():
        found.head.last.bias.copy_(torch.tensor([1e3, -1e3, 990, 30, 60, -25]))
    round_weights(found)
    out = outputs_of(to_onnx(found, SIZE, graph), graph, images)
    assert list(out) == ["logits"]  # features and maps are not named
    assert parity(found, list(out.values()), images, graph) <= 1e-4
    assert np.isfinite(out["logits"]).all()
    assert np.abs(out["logits"]).max() > 900


def test_a_head_without_maps_says_so():
    found = network(head="concat-pool", tasks=ALL)
    _, graph, out = exported(found)
    assert list(out) == ["logits", "features"]
    assert graph.heatmaps.startswith("none")
    with pytest.raises(BundleError, match="no maps of evidence"):
        to_onnx(found, SIZE, Graph(cams="cams"))


def test_half_precision_only_where_it_holds():
    found = network("test_vit")
    blocks = found.backbone.net.get_submodule("blocks")
    with torch.no_grad():
        blocks[0].mlp.fc1.weight.view(-1)[0] = 1e5  # beyond 65,504
        blocks[1].mlp.fc1.weight.mul_(1e-7)  # below what half precision can tell apart
    kept = round_weights(found)
    assert kept == tuple(f"backbone.net.blocks.{at}.mlp.fc1.weight" for at in (0, 1))
    assert round_weights(found) == kept
    model, _, _ = exported(found, (160, 160))
    types = {
        tensor.name: numpy_helper.to_array(tensor).dtype
        for tensor in onnx.load_from_string(model).graph.initializer
    }
    assert types["network.backbone.net.blocks.0.mlp.fc1.weight"] == np.float32
    assert types["network.backbone.net.blocks.1.mlp.fc1.weight"] == np.float32
    assert types["network.backbone.net.blocks.2.mlp.fc1.weight.half"] == np.float16
    with torch.no_grad():
        blocks[2].mlp.fc1.weight.add_(1e-5)
    with pytest.raises(BundleError, match=r"blocks\.2\.mlp\.fc1\.weight: not rounded to half"):
        to_onnx(found, (160, 160), ends(found))


def test_parity_is_relative_where_numbers_are_large():
    found, graph = network(), Graph()
    images = pictures(*SIZE)
    with torch.no_grad():
        found.head.last.bias.add_(1000.0)
        logits = found.everything(torch.from_numpy(images)).logits.numpy()
    assert 0 < parity(found, [logits + np.float32(0.05)], images, graph) <= 1e-4
    with pytest.raises(BundleError, match=r"log-odds differ from the network's by 0\.0002"):
        parity(found, [logits + np.float32(0.2)], images, graph)
    with pytest.raises(BundleError, match="by nan"):
        parity(found, [logits * np.float32(np.nan)], images, graph)


def card(found, size=SIZE, **graph):
    return Card.model_validate(
        {
            "name": "drawn",
            "version": "0.1.0",
            "summary": "Random weights.",
            "intended_use": "Tests of this package.",
            "licence": "Apache-2.0",
            "findings": [{"key": key} for key in found.findings],
            "preprocessing": {"size": list(size)},
            "graph": ends(found).model_dump() | graph,
        }
    )


def test_an_ensemble_is_one_bundle_that_reads(tmp_path):
    from hilum.reading import Reader

    tasks = [FINDINGS, Task("one-of", ("edema", "hernia"))]
    found = Averaged([network(tasks=tasks), network("test_efficientnet", tasks=tasks)])
    round_weights(found)
    bundle = export_bundle(found, card(found), b"", pictures(*SIZE), tmp_path / "drawn.hilum")
    assert "largest difference from torch" in bundle.card.provenance["parity"]
    assert not graph_faults(bundle.read_bytes("model.onnx"), bundle.card)
    file = tmp_path / "chest.png"
    drawn = draw_chest(np.random.default_rng(1), size=(256, 256)).pixels
    cv2.imwrite(str(file), (255 * drawn).astype(np.uint8))
    reading = Reader.of(bundle).read(file)
    assert not isinstance(reading, Refusal)
    assert [p.finding for p in reading.predictions] == list(found.findings)
    assert len(reading.heatmaps) == 4
    pair = [p.probability for p in reading.predictions[2:]]
    assert sum(pair) == pytest.approx(1, abs=1e-5)


def test_a_card_of_other_findings_is_refused(tmp_path):
    found = network()
    other = card(found).model_dump() | {"findings": [{"key": "nodule"}, {"key": "mass"}]}
    with pytest.raises(BundleError, match="'mass' for 'nodule', 'nodule' for 'mass'"):
        export_bundle(found, Card.model_validate(other), b"", pictures(*SIZE), tmp_path / "drawn")
    assert not (tmp_path / "drawn").exists()
