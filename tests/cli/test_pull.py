"""``hilum bundles pull`` against a server on loopback, with a small network."""

from __future__ import annotations

import hashlib
import io
import os
from dataclasses import replace

import pytest

from hilum.bundles import load
from hilum.bundles.published import Output, catalogue, published
from tests.datasets.fetch.conftest import Web

NAME = "txrv-small"
OUTPUTS = (
    Output("Effusion", "effusion", 0.25),
    Output("", "", None),
    Output("Mass", "mass", 0.125),
    Output("Lung Lesion", "lung_lesion", None),
)


@pytest.fixture
def web():
    server = Web()
    yield server
    server.close()


@pytest.fixture
def home(monkeypatch, tmp_path, tmp_path_factory):
    """An empty folder of one's own bundles, and no proxy or login of who runs the tests."""
    for name in ("http_proxy", "https_proxy", "all_proxy", "HTTP_PROXY", "HTTPS_PROXY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("NETRC", str(tmp_path_factory.getbasetemp() / "no-netrc"))
    monkeypatch.setenv("HILUM_BUNDLES", str(tmp_path / "mine"))
    return tmp_path / "mine"


@pytest.fixture
def offer(web, monkeypatch):
    """Put a file onto the server and the small network into the catalogue."""

    def put(data: bytes, **changes):
        known = {
            "bytes": len(data),
            "sha256": hashlib.sha256(data).hexdigest(),
            "digest_from": "written down by this test",
            "backbone": "resnet18",
        }
        network = replace(
            published("txrv-resnet50-all"),
            name=NAME,
            theirs="resnet18-res64-small",
            url=web.put("/v1/net.pt", data),
            size_px=64,
            outputs=OUTPUTS,
            sigmoids=1,
            **(known | changes),
        )
        known_before = catalogue.networks()
        monkeypatch.setattr(catalogue, "networks", lambda: {**known_before, NAME: network})
        return network

    return put


@pytest.fixture(scope="module")
def weights():
    """The small network as its publisher would save it."""
    torch = pytest.importorskip("torch", reason="needs torch: pip install 'hilum[train]'")
    from hilum.models.network import build_network
    from hilum.models.tasks import Task

    torch.manual_seed(0)
    keys = ("effusion", "pneumonia", "mass", "lung_lesion")
    made = build_network(backbone="resnet18", tasks=[Task("multi-label", keys)]).state_dict()
    named = {n.removeprefix("backbone.net.").replace("head.last", "fc"): made[n] for n in made}
    stream = io.BytesIO()
    torch.save(named, stream)
    return stream.getvalue()


@pytest.mark.train
def test_pulled_listed_shown_and_pulled_again(hilum, home, offer, web, weights, tmp_path):
    network = offer(weights)
    done = hilum("bundles", "pull", NAME, "--accept-licence")
    assert (done.status, done.err.count("Error")) == (0, 0), done.err
    for text in ("Licence of the file: Apache-2.0", "It learnt from PadChest.", network.url,
                 f"SHA-256 {network.sha256}, known to Hilum", "txrv-small 1.0.0: 2 findings",
                 "largest difference from torch", "Left out: number 1, Lung Lesion",
                 "not calibrated", f"--bundle {NAME}"):  # fmt: skip
        assert text in done.out
    assert load(NAME).location == home / NAME
    assert not list((home / ".downloads").glob("net.pt*"))
    assert f"{NAME}  1.0.0  2 findings" in hilum("bundles", "list").out
    shown = hilum("bundles", "show", NAME).out
    assert "TorchXRayVision resnet18-res64-small" in shown
    assert "0.125 (as published)" in shown
    assert "none, uncalibrated" in shown
    assert hilum("bundles", "verify", NAME).status == 0
    asked = len(web.files["/v1/net.pt"].log)
    again = hilum("bundles", "pull", NAME)
    assert (again.status, len(web.files["/v1/net.pt"].log)) == (0, asked)
    assert "txrv-small 1.0.0 is there already, and sound" in again.out
    other = hilum("bundles", "pull", NAME, "--accept-digest", "0" * 64)
    assert other.status == 2
    assert "is another bundle" in other.err
    (home / NAME / "model.onnx").write_bytes(b"other")
    assert "damaged" in hilum("bundles", "pull", NAME).err
    listed = hilum("bundles", "list")
    assert listed.status == 0
    assert f"{NAME}  damaged: " in listed.out


def test_terms_must_be_accepted(hilum, home, offer, web):
    offer(b"never asked for")
    done = hilum("bundles", "pull", NAME)
    assert done.status == 2
    assert "Licence of the file: Apache-2.0" in done.out
    assert "nothing was fetched" in done.err
    assert "--accept-licence" in done.err
    assert not web.files["/v1/net.pt"].log
    assert not home.exists()


@pytest.mark.parametrize(("answer", "asked"), [("n\n", 0), ("\n", 0), ("y\n", 1)])
def test_terms_are_asked_for_on_a_terminal(hilum, home, offer, web, monkeypatch, answer, asked):
    class Terminal(io.StringIO):
        def isatty(self):
            return True

    offer(b"no network")
    monkeypatch.setattr("sys.stdin", Terminal(answer))
    done = hilum("bundles", "pull", NAME)
    assert done.status == 2
    assert ("The terms were not accepted; nothing was fetched." in done.err) == (not asked)
    assert bool(web.files["/v1/net.pt"].fetched) == bool(asked)


@pytest.mark.train
@pytest.mark.parametrize("form", [True, False])
def test_code_in_the_file_is_not_run(hilum, home, offer, tmp_path, monkeypatch, form):
    torch = pytest.importorskip("torch", reason="needs torch: pip install 'hilum[train]'")

    class Evil:
        def __reduce__(self):
            return os.system, ("touch ran",)

    monkeypatch.chdir(tmp_path)
    stream = io.BytesIO()
    bad = {"conv1.weight": torch.ones(2), "evil": Evil()}
    torch.save(bad, stream, _use_new_zipfile_serialization=form)
    offer(stream.getvalue())
    done = hilum("bundles", "pull", NAME, "--accept-licence")
    assert done.status == 2
    assert "net.pt is refused: it names posix.system" in done.err
    assert not (tmp_path / "ran").exists()
    assert not (home / NAME).exists()


@pytest.mark.train
def test_a_file_of_another_network(hilum, home, offer, weights):
    offer(weights, backbone="resnet34")
    done = hilum("bundles", "pull", NAME, "--accept-licence")
    assert done.status == 2
    assert "does not hold resnet18-res64-small" in done.err
    assert "missing (layer1.2.bn1.bias" in done.err
    assert not (home / NAME).exists()


def test_a_digest_that_nobody_knows(hilum, home, offer):
    pytest.importorskip("torch", reason="needs torch: pip install 'hilum[train]'")
    data = b"of whom?"
    found = hashlib.sha256(data).hexdigest()
    offer(data, sha256=None, bytes=None, digest_from="")
    done = hilum("bundles", "pull", NAME, "--accept-licence")
    assert done.status == 2
    assert f"--accept-digest {found}" in done.err
    done = hilum("bundles", "pull", NAME, "--accept-licence", "--accept-digest", found)
    assert done.status == 2
    assert "no digest of it was known to Hilum" in done.out
    assert "no file of torch.save" in done.err  # now it was looked into


@pytest.mark.train
def test_from_a_file_to_a_place(hilum, home, offer, web, weights, tmp_path, monkeypatch):
    offer(weights)
    (tmp_path / "mine.pt").write_bytes(weights)
    place = tmp_path / "out" / "small.hilum"
    given = ("bundles", "pull", NAME, "--accept-licence", "--from", tmp_path / "mine.pt", "-o")

    def full(*_):
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr("hilum.bundles.files._write_archive", full)
        done = hilum(*given, place)
    assert done.status == 2
    assert "cannot be written: No space left on device. Nothing of it is left" in done.err
    assert not list(place.parent.iterdir())
    assert not web.files["/v1/net.pt"].log


def test_names_and_what_is_lacking(hilum, home, offer, monkeypatch):
    offer(b"")
    done = hilum("bundles", "pull", "txrv-smal")
    assert done.status == 2
    assert "did you mean txrv-small" in done.err
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None if name == "torch" else name)
    done = hilum("bundles", "pull", NAME, "--accept-licence")
    assert done.status == 2
    assert "needs torch; install with: pip install 'hilum[train]'" in done.err
    listed = hilum("bundles", "list", "--published").out
    assert "txrv-densenet121-all  not pulled  18 findings" in listed
