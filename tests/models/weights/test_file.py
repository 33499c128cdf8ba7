"""Files of weights: loaded exactly, known by their card or by what the recipe says."""

from __future__ import annotations

from pathlib import Path

import pytest

torch = pytest.importorskip("torch", reason="needs torch: pip install 'hilum[train]'")

import timm  # noqa: E402
from safetensors.torch import load_file, save_file  # noqa: E402

from hilum.bundles.card import Preprocessing  # noqa: E402
from hilum.errors import RecipeError  # noqa: E402
from hilum.models import WEIGHTS  # noqa: E402
from hilum.models.weights import Declared, load_weights, start  # noqa: E402

pytestmark = pytest.mark.train
SMALL = "mobilenetv3_small_050"
SAID = Declared("Apache-2.0", "drawn", (0.5,), (0.5,))
BATCH_NORM = "blocks.0.0.bn1"


def test_every_tensor_arrives_and_the_classifier_is_named(fresh, drawn, spec):
    file = drawn()
    backbone = fresh()
    found = start(backbone, file.name, folder=file.parent, input=spec, declared=SAID)
    assert found is not None
    assert found.name == "w.safetensors"
    assert found.licence == "Apache-2.0"
    assert len(found.sha256 or "") == 64
    assert "not taken: classifier.bias, classifier.weight" in found.origin
    saved = load_file(file)
    for name, tensor in backbone.net.state_dict().items():
        if name != "conv_stem.weight":
            assert torch.equal(tensor, saved[name]), name
    summed = saved["conv_stem.weight"].sum(1, keepdim=True)
    assert torch.allclose(backbone.net.state_dict()["conv_stem.weight"], summed)


def test_counters_of_batch_normalisation_may_lack(fresh, drawn, spec):
    file = drawn()
    state = {n: t for n, t in load_file(file).items() if not n.endswith("num_batches_tracked")}
    save_file(state, file)
    start(fresh(), file.name, folder=file.parent, input=spec, declared=SAID)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"bn1__weight": None}, r"1 missing: bn1\.weight\."),
        ({"bn1__running_var": None}, r"1 missing: bn1\.running_var"),
        ({"strange": torch.zeros(1)}, r"1 unknown: strange"),
        (
            {"bn1__bias": torch.zeros(7)},
            r"1 of another shape: bn1\.bias is \[7\], wanted \[16\]",
        ),
        ({"bn1__bias": torch.full((16,), torch.nan)}, r"not finite: bn1\.bias"),
        ({"conv_stem__weight": torch.zeros(16, 4, 3, 3)}, r"conv_stem\.weight is \[16, 4, 3, 3\]"),
    ],
)
def test_what_does_not_fit_is_listed(fresh, drawn, spec, changes, message):
    file = drawn(**changes)
    with pytest.raises(RecipeError, match=message):
        start(fresh(), file.name, folder=file.parent, input=spec, declared=SAID)


def test_another_network_is_refused_with_the_first_few_tensors(fresh, drawn, spec):
    file = drawn()
    with pytest.raises(RecipeError, match=r"missing: .* and \d+ more; \d+ unknown: .* and \d+"):
        start(fresh("resnet18"), file.name, folder=file.parent, input=spec, declared=SAID)


@pytest.mark.parametrize(
    ("declared", "message"),
    [
        (Declared(), r"weights_licence and weights_origin under \[model\]"),
        (Declared(licence="MIT"), r"Write weights_origin under"),
        (Declared("MIT", "me"), r"kernels for three colours.*weights_mean and weights_std"),
        (Declared("MIT", "me", (0.5,)), r"weights_mean and weights_std: both are needed"),
        (Declared("MIT", "me", (0.5,), (0.0,)), r"more than 0"),
        (Declared("MIT", "me", (0.0,), (1.0,)), r"learnt grey 0 to 1 as 0 to 1.*makes it -1 to 1"),
    ],
)
def test_a_file_that_nobody_knows_needs_its_origin_and_input(fresh, drawn, spec, declared, message):
    file = drawn()
    with pytest.raises(RecipeError, match=message):
        start(fresh(), file.name, folder=file.parent, input=spec, declared=declared)


def test_one_channel_of_unknown_input_is_taken_and_said(fresh, drawn, spec):
    file = drawn(colours=1)
    found = start(
        fresh(),
        file.name,
        folder=file.parent,
        input=spec,
        declared=Declared("cc-by-nc-4.0", "me"),
    )
    assert found is not None
    assert "its input is not known" in found.origin
    assert found.licence.startswith("cc-by-nc-4.0 (not permissive")


def test_a_cut_or_otherwise_normalised_network_takes_what_fits(fresh, drawn, spec):
    file = drawn()
    saved = load_file(file)
    short = fresh(cut="blocks.1")
    found = start(short, file.name, folder=file.parent, input=spec, declared=SAID)
    assert found is not None
    assert "not taken: blocks.2" in found.origin
    assert torch.equal(short.net.state_dict()["bn1.weight"], saved["bn1.weight"])
    grouped = fresh(normalisation="group")
    found = start(grouped, file.name, folder=file.parent, input=spec, declared=SAID)
    assert found is not None
    assert "running_mean" in found.origin
    name = "blocks.1.0.conv_pw.weight"
    assert torch.equal(grouped.net.state_dict()[name], saved[name])


@pytest.mark.parametrize(
    ("content", "message"),
    [(b"not weights", "no safetensors file"), (b"", "no safetensors file")],
)
def test_a_file_of_another_kind_is_refused(fresh, tmp_path, spec, content, message):
    (tmp_path / "w.safetensors").write_bytes(content)
    with pytest.raises(RecipeError, match=message):
        start(fresh(), "w.safetensors", folder=tmp_path, input=spec, declared=SAID)


def test_a_missing_file_says_where_it_looked(fresh, drawn, spec):
    file = drawn()
    with pytest.raises(RecipeError, match=r"there lie w\.safetensors\. .*--weights DIR"):
        start(fresh(), "v.safetensors", folder=file.parent, input=spec)


@pytest.mark.parametrize("said", ["wat", "hub:", "bundle:", "run:", "model.pt"])
def test_other_words_list_what_there_is(fresh, said, spec, tmp_path):
    with pytest.raises(RecipeError, match=r"is none of .*torchxrayvision:NAME"):
        start(fresh(), said, folder=tmp_path, input=spec)


def test_from_scratch_nothing_is_said(fresh, spec, tmp_path):
    assert start(fresh(), "", folder=tmp_path, input=spec) is None


def test_a_bare_network_is_filled(drawn):
    net = timm.create_model(SMALL, pretrained=False, in_chans=1, num_classes=0)
    file = drawn()
    assert len(load_weights(net, file)) == 64
    assert torch.equal(net.state_dict()["bn1.weight"], load_file(file)["bn1.weight"])


@pytest.mark.parametrize(
    ("name", "file", "value_range", "way", "classifier"),
    [
        (
            "mobilenet_edgetpu_100",
            "mobilenet_edgetpu_100.backbone.fp16.safetensors",
            (-1.0, 1.0),
            "kernels summed over colours",
            "",
        ),
        (
            "squeezenet1_0",
            "squeezenet1_0.fp16.safetensors",
            (-1.0, 1.0),
            "kernels summed over colours",
            "; not taken: classifier.1.bias, classifier.1.weight",
        ),
        (
            "squeezenet1_1",
            "squeezenet1_1.fp16.safetensors",
            (0.0, 1.0),
            "kernels summed, shifts in the bias",
            "; not taken: classifier.1.bias, classifier.1.weight",
        ),
    ],
)
def test_published_files_are_known_by_their_digest(
    fresh, shared: Path, name, file, value_range, way, classifier
):
    spec = Preprocessing(size=(224, 224), value_range=value_range)
    backbone = fresh(name)
    found = start(backbone, file, folder=shared / "checkpoints", input=spec)
    card = WEIGHTS.resolve(name)
    assert found is not None
    assert (found.licence, found.sha256) == ("Apache-2.0", card.sha256[0])
    assert found.origin == f"{card.origin}; {way}{classifier}"
    assert backbone(torch.zeros(1, 1, 224, 224)).isfinite().all()


def test_squeezenet_sees_photographs_as_published(fresh, shared: Path):
    """1.1 shown grey thrice, through torchvision's own network, gives the same map."""
    import torchvision

    saved = load_file(shared / "checkpoints" / "squeezenet1_1.fp16.safetensors")
    whole = torchvision.models.squeezenet1_1().eval()
    whole.load_state_dict({n: t.float() for n, t in saved.items()})
    backbone = fresh("squeezenet1_1").eval()
    start(
        backbone,
        "squeezenet1_1.fp16.safetensors",
        folder=shared / "checkpoints",
        input=Preprocessing(size=(224, 224)),
    )
    grey = torch.rand(1, 1, 224, 224, generator=torch.Generator().manual_seed(0))
    mean = torch.tensor([0.485, 0.456, 0.406]).view(1, 3, 1, 1)
    std = torch.tensor([0.229, 0.224, 0.225]).view(1, 3, 1, 1)
    with torch.no_grad():
        wanted = whole.features((grey - mean) / std)
        assert float((backbone(grey) - wanted).abs().max() / wanted.abs().max()) < 1e-5
