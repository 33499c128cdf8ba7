import pytest

from hilum.bundles import load
from hilum.errors import BundleError, InvalidCard
from hilum.export.make import make

CARD = """
name = "mine"
version = "0.1.0"
summary = "My network."
intended_use = "Research."
licence = "CC-BY-4.0"
findings = [{ key = "effusion" }, { key = "mass", prevalence = 0.1 }, { key = "nodule" }]

[preprocessing]
size = [32, 32]

[graph]
features = "features"
cams = "cams"
"""


@pytest.fixture
def parts(tmp_path, tiny_model):
    (tmp_path / "net.onnx").write_bytes(tiny_model)
    (tmp_path / "card.toml").write_text(CARD)
    return tmp_path


@pytest.mark.parametrize("out", ["mine", "mine.hilum"])
def test_a_graph_and_a_card_become_a_bundle(parts, out):
    bundle = make(parts / "net.onnx", parts / "card.toml", parts / out)
    assert load(parts / out).card == bundle.card
    assert bundle.card.keys == ("effusion", "mass", "nodule")
    assert bundle.read_bytes("model.onnx") == (parts / "net.onnx").read_bytes()


def test_gate_statistics_beside_the_card_go_along(parts):
    text = CARD.replace("[preprocessing]", 'gate = "gate.npz"\n[preprocessing]')
    (parts / "card.toml").write_text(text)
    with pytest.raises(BundleError, match=r"feature statistics .*gate\.npz cannot be read"):
        make(parts / "net.onnx", parts / "card.toml", parts / "mine")
    (parts / "gate.npz").write_bytes(b"statistics")
    bundle = make(parts / "net.onnx", parts / "card.toml", parts / "mine")
    assert bundle.read_bytes("gate.npz") == b"statistics"


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("size = [32, 32]", "size = [64, 64]", r"do not agree:\n.*shape \[1, 1, 64, 64\]"),
        ('{ key = "nodule" }', "", r"'logits' is \[1, 3\], expected \[1, 2\]"),
        ('cams = "cams"', 'cams = "maps"', r"names the outputs \['maps'\]"),
        ('{ key = "mass"', '{ key = "mas"', "did you mean mass"),
        ("[graph]", "[grahp]", "grahp: Extra inputs"),
        ('licence = "CC-BY-4.0"', "", "licence: Field required"),
        ('name = "mine"', "name = mine", "is no TOML"),
        ('name = "mine"', 'name = "mine"\nfiles = {}', "the digests are computed"),
    ],
)
def test_a_card_that_contradicts_the_graph(parts, old, new, message):
    (parts / "card.toml").write_text(CARD.replace(old, new))
    with pytest.raises(InvalidCard, match=message):
        make(parts / "net.onnx", parts / "card.toml", parts / "mine")
    assert not (parts / "mine").exists()


def test_files_that_are_not_there(parts):
    with pytest.raises(BundleError, match=r"the graph .*no\.onnx cannot be read: No such file"):
        make(parts / "no.onnx", parts / "card.toml", parts / "mine")


def test_a_card_in_the_style_of_the_manual(repository, parts):
    """The example in docs/bundles.md is a card that works."""
    text = (repository / "docs" / "bundles.md").read_text("utf-8")
    example = text.split("```toml\n")[1].split("```")[0]
    (parts / "card.toml").write_text(example)
    with pytest.raises(InvalidCard, match="do not agree"):  # it is written for another graph
        make(parts / "net.onnx", parts / "card.toml", parts / "mine")
