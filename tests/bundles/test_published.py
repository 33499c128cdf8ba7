"""The catalogue of published networks, and the folder of a user's own bundles."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
import warnings

import numpy as np
import pytest

from hilum.bundles import load, own
from hilum.bundles.card import NAME
from hilum.bundles.published import networks, published
from hilum.bundles.store import own_folder
from hilum.domain import finding
from hilum.errors import BundleError, UnknownBundle, UnknownName

TRAINED = {"all": 18, "nih": 14, "pc": 15, "chex": 11, "rsna": 2, "mimic-nb": 11, "mimic-ch": 11}


@pytest.fixture
def home(tmp_path, monkeypatch):
    monkeypatch.setenv("HILUM_BUNDLES", str(tmp_path / "mine"))
    return tmp_path / "mine"


@pytest.mark.parametrize("name", networks())
def test_an_entry_can_become_a_card(name):
    network = published(name)
    assert published(network.theirs) is network
    assert re.fullmatch(NAME, name)
    assert network.url.startswith("https://")
    assert network.url.endswith(network.file)
    keys = [finding(output.key).key for output in network.taken]
    assert len(set(keys)) == len(keys)
    assert all(0 < output.threshold < 1 for output in network.taken)
    assert bool(network.sha256) == bool(network.digest_from) == bool(network.bytes)
    assert network.sha256 is None or re.fullmatch(r"[0-9a-f]{64}", network.sha256)


def test_the_networks_of_the_page_are_here():
    counts = {name: len(network.taken) for name, network in networks().items()}
    wanted = {f"txrv-densenet121-{name}": count for name, count in TRAINED.items()}
    assert counts == wanted | {"txrv-resnet50-all": 16}
    left = {o.label for o in published("txrv-resnet50-all").outputs if not o.is_taken}
    assert left == {"Lung Lesion", "Enlarged Cardiomediastinum"}


def test_the_facts_are_those_of_the_package():
    with warnings.catch_warnings():
        xrv = pytest.importorskip("torchxrayvision", reason="pip install torchxrayvision")
    theirs = {name: url for name, url in xrv.models.model_urls.items() if "-res" in name}
    assert {network.theirs for network in networks().values()} == set(theirs)
    for name, said in theirs.items():
        network = published(name)
        assert network.url == said["weights_url"]
        assert network.size_px == said["input_resolution"]
        assert [o.label for o in network.outputs] == said["labels"]
        ours = [np.nan if o.threshold is None else o.threshold for o in network.outputs]
        assert np.array_equal(ours, said["op_threshs"], equal_nan=True)


@pytest.mark.parametrize("name", ["txrv-densnet121-all", "txrv-densenet121-al"])
def test_a_name_that_comes_near(name):
    with pytest.raises(UnknownName, match="did you mean txrv-densenet121-all"):
        published(name)


def test_a_bundle_of_ones_own_is_found_by_its_name(home, tiny_bundle, monkeypatch):
    assert own() == ()
    shutil.copytree(tiny_bundle.location, home / "tiny")
    (home / ".downloads").mkdir()
    (home / "other").mkdir()
    assert own() == ("tiny",)
    assert load("tiny").digest == tiny_bundle.digest
    monkeypatch.setattr("hilum.bundles.store.SHIPPED", tiny_bundle.location.parent)
    assert own() == ()  # the package's own comes first
    assert load("tiny").location == tiny_bundle.location


def test_a_published_network_that_is_not_here_says_how_to_get_it(home):
    with pytest.raises(UnknownBundle, match="`hilum bundles pull txrv-densenet121-nih` fetches"):
        load("txrv-densenet121-nih")
    with pytest.raises(UnknownBundle, match="did you mean txrv-densenet121-nih"):
        load("txrv-densenet-nih")


def test_without_a_home_the_package_still_works(monkeypatch):
    monkeypatch.delenv("HILUM_BUNDLES", raising=False)

    def homeless(_self):
        raise RuntimeError("no home")

    monkeypatch.setattr("pathlib.Path.expanduser", homeless)
    assert own() == ()
    with pytest.raises(BundleError, match="set HILUM_BUNDLES to a folder"):
        own_folder()


def test_listing_imports_no_torch():
    code = (
        "import sys; from hilum.cli import main\n"
        "try: main(['bundles', 'list', '--published'])\n"
        "except SystemExit: print('torch' in sys.modules, 'timm' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "False False"
