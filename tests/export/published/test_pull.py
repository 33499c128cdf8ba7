"""From a publisher's server to readings: a DenseNet121 of the published shape, random weights."""

from __future__ import annotations

import hashlib
import io
import math
import warnings
from dataclasses import replace

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="needs torch: pip install 'hilum[train]'")

from hilum.bundles import load, own  # noqa: E402
from hilum.bundles.published import published  # noqa: E402
from hilum.domain import Reading  # noqa: E402
from hilum.export.published.card import card_of  # noqa: E402
from hilum.export.published.obtaining import KNOWN, Obtained, obtain  # noqa: E402
from hilum.export.published.pull import bundle_of, drawn  # noqa: E402
from hilum.export.published.taking import network_of, read_tensors  # noqa: E402
from hilum.imaging import encode_png  # noqa: E402
from hilum.models.network import build_network  # noqa: E402
from hilum.models.tasks import Task  # noqa: E402
from hilum.phantoms import draw_chest  # noqa: E402
from hilum.reading import Reader  # noqa: E402
from hilum.runtime import Graph  # noqa: E402
from hilum.transforms.preprocess import prepare  # noqa: E402

pytestmark = pytest.mark.train
NAME = "txrv-densenet121-chex"


@pytest.fixture(scope="module")
def state():
    """Tensors of a DenseNet121 with 18 outputs, under the publisher's names."""
    torch.manual_seed(0)
    keys = tuple(output.key for output in published("txrv-densenet121-all").outputs)
    made = build_network(backbone="densenet121", tasks=[Task("multi-label", keys)])
    torch.nn.init.normal_(made.head.last.weight, std=0.1)
    torch.nn.init.normal_(made.head.last.bias)
    with torch.no_grad():  # statistics as after some steps
        made.train()(torch.rand(2, 1, 64, 64) * 2048 - 1024)
    names = made.state_dict().items()
    return {n.removeprefix("backbone.net.").replace("head.last", "classifier"): t for n, t in names}


@pytest.fixture(scope="module")
def pulled(state, web, tmp_path_factory):
    """The bundle, made of a file that a server gave; and the entry of the catalogue."""
    stream = io.BytesIO()
    torch.save(state, stream, _use_new_zipfile_serialization=False)
    data = stream.getvalue()
    network = replace(
        published(NAME),
        url=web.put("/v1/chex.pt", data),
        bytes=len(data),
        sha256=hashlib.sha256(data).hexdigest(),
    )
    home = tmp_path_factory.mktemp("home")
    obtained = obtain(network, home / ".downloads")
    return bundle_of(network, obtained, home / NAME), network


def test_its_card_says_what_it_is(pulled):
    bundle, network = pulled
    card = bundle.card
    assert card.keys == tuple(output.key for output in network.taken)
    assert len(card.keys) == 11
    assert "infiltration" not in card.keys  # CheXpert has no such label
    for row, output in zip(card.findings, network.taken, strict=True):
        assert row.operating_point.threshold == output.threshold
        assert row.operating_point.rule == "as published"
        assert (row.calibration.method, row.calibration.trusted) == ("none", False)
    assert card.preprocessing.value_range == (-1024.0, 1024.0)
    assert (card.preprocessing.size, card.preprocessing.fit) == ((224, 224), "centre-crop")
    assert card.start[0].sha256 == network.sha256
    assert network.url in card.start[0].origin
    assert "Apache-2.0" in card.licence
    assert "terms of their own" in card.licence
    assert any("Diagnosis" in use for use in card.not_for)
    said = card.provenance
    assert "CheXpert: Stanford University Dataset Research Use Agreement" in said["terms"]
    assert "had not measured" in said["measured"]
    assert "no probability" in said["scores"]
    assert KNOWN in said["file"]
    assert "no-feature-gate" in said["gate"]
    assert card.gate is None
    assert not card.results


def test_its_graph_gives_the_networks_numbers(pulled, state):
    bundle, network = pulled
    found = network_of(network, {n: t.numpy() for n, t in state.items()})
    images = drawn(bundle.card.preprocessing)
    assert images.shape == (4, 1, 224, 224)
    assert -1024 <= images.min() < -500 < 500 < images.max() <= 1024
    out = Graph.open(bundle, threads=1)(images)
    with torch.inference_mode():
        wanted = found.everything(torch.from_numpy(images))
    assert np.abs(out.logits - wanted.logits.numpy()).max() < 1e-4
    assert np.abs(out.features - wanted.features.numpy()).max() < 1e-4
    assert np.ptp(out.logits, axis=0).min() > 1e-4  # it looks at the pictures
    worst = float(bundle.card.provenance["parity"].split()[4])
    assert 0 < worst < 1e-4


def test_its_maps_add_up_to_the_log_odds(pulled, state):
    bundle, network = pulled
    bias = state["classifier.bias"].numpy()
    kept = [at for at, output in enumerate(network.outputs) if output.is_taken]
    out = Graph.open(bundle, threads=1)(drawn(bundle.card.preprocessing)[:2])
    assert out.cams.shape == (2, 11, 7, 7)
    assert np.abs(out.cams.mean((2, 3)) + bias[kept] - out.logits).max() < 1e-3


def test_it_gives_what_the_package_gives(pulled, state):
    """The package's own network, its own crop and resizing, its own rescaled scores."""
    with warnings.catch_warnings():
        xrv = pytest.importorskip("torchxrayvision", reason="pip install torchxrayvision")
    bundle, network = pulled
    points = torch.tensor(
        [math.nan if o.threshold is None else o.threshold for o in network.outputs]
    )
    theirs = xrv.models.DenseNet(num_classes=18).eval()
    theirs.load_state_dict({**state, "op_threshs": points}, strict=False)
    theirs.op_threshs = points
    kept = [at for at, output in enumerate(network.outputs) if output.is_taken]
    graph = Graph.open(bundle, threads=1)
    crop, resize = xrv.datasets.XRayCenterCrop(), xrv.datasets.XRayResizer(224)
    for seed, size in enumerate(((448, 448), (512, 420))):
        grey = draw_chest(np.random.default_rng(seed), size=size).pixels
        image = resize(crop(xrv.datasets.normalize(grey * 255, 255)[None]))
        with torch.inference_mode():
            wanted = theirs(torch.from_numpy(image[None])).numpy()[0, kept]
        score = 1 / (1 + np.exp(-graph(image[None]).logits[0].astype(np.float64)))
        point = points.numpy()[kept].astype(np.float64)
        below = score / (2 * point)
        beyond = 1 - (1 - score) / (2 * (1 - point))
        assert np.abs(np.where(score < point, below, beyond) - wanted).max() < 1e-4
        assert np.array_equal(score >= point, wanted >= 0.5)
        ours, _ = prepare(grey, bundle.card.preprocessing)
        apart = np.abs(ours - image).mean() / 2048
        assert 0 < apart < 0.01  # the resizing alone differs


def test_a_whole_network_in_the_old_form_gives_the_same_tensors(state):
    with warnings.catch_warnings():
        xrv = pytest.importorskip("torchxrayvision", reason="pip install torchxrayvision")
    whole = xrv.models.DenseNet(num_classes=18).eval()
    whole.load_state_dict(state, strict=False)
    whole.targets = list(published(NAME).theirs)
    stream = io.BytesIO()
    torch.save(whole, stream, _use_new_zipfile_serialization=False)
    found = read_tensors(stream.getvalue(), "whole.pt")
    assert found.keys() == state.keys()
    assert all(np.array_equal(found[n], state[n].numpy()) for n in state)


def test_it_is_found_by_its_name_and_read_with(pulled, monkeypatch, tmp_path):
    bundle, _ = pulled
    monkeypatch.setenv("HILUM_BUNDLES", str(bundle.location.parent))
    assert own() == (NAME,)
    grey = draw_chest(np.random.default_rng(5), size=(512, 512)).pixels
    (tmp_path / "chest.png").write_bytes(encode_png((grey * 255).astype(np.uint8)))
    reading = Reader.of(NAME).read(tmp_path / "chest.png")
    assert isinstance(reading, Reading)
    assert "no-feature-gate" in {note.code for note in reading.gate.flags}
    assert len(reading.heatmaps) == 11
    for said in reading.predictions:
        assert not said.calibrated
        assert said.probability == pytest.approx(1 / (1 + math.exp(-said.logit)))


def test_a_recipe_can_begin_with_it(pulled):
    from hilum.models.backbones import build_backbone
    from hilum.models.weights import start

    bundle, _ = pulled
    backbone = build_backbone("densenet121")
    said = start(
        backbone,
        f"bundle:{bundle.location}",
        folder=bundle.location,
        input=bundle.card.preprocessing,
    )
    assert "CheXpert" in said.origin


@pytest.mark.slow
def test_the_same_file_gives_the_same_bundle(small, tmp_path):
    torch.manual_seed(1)
    keys = ("effusion", "pneumonia", "mass", "lung_lesion")
    made = build_network(backbone="resnet18", tasks=[Task("multi-label", keys)])
    stream = io.BytesIO()
    torch.save(
        {
            n.removeprefix("backbone.net.").replace("head.last", "fc"): t
            for n, t in made.state_dict().items()
        },
        stream,
    )
    obtained = Obtained(stream.getvalue(), "net.pt", "a" * 64, KNOWN, None)
    one = bundle_of(small, obtained, tmp_path / "one")
    other = bundle_of(small, obtained, tmp_path / "other.hilum")
    assert one.digest == other.digest
    assert one.card.provenance["outputs left out"].startswith("number 1, Lung Lesion")


def test_points_that_were_measured_on_a_sigmoid_of_a_sigmoid_are_told():
    network = published("txrv-resnet50-all")
    obtained = Obtained(b"", "net.pt", "a" * 64, KNOWN, None)
    card = card_of(network, obtained, load("chest14").card.graph)
    row = next(row for row in card.findings if row.key == "atelectasis")
    assert row.operating_point.threshold == 0.51570356
    once = math.log(0.51570356 / (1 - 0.51570356))
    assert f"atelectasis {once:.4f}" in card.provenance["operating points"]
    assert any("far too high" in use for use in card.not_for)
