"""A server on loopback in the place of a publisher's, and small networks in that of its own."""

from __future__ import annotations

from dataclasses import replace

import pytest

from hilum.bundles.published import Output, published
from hilum.datasets.fetch import Settings
from tests.datasets.fetch.conftest import Web


@pytest.fixture(scope="module")
def web():
    server = Web()
    yield server
    server.close()


@pytest.fixture(autouse=True)
def no_surroundings(monkeypatch, tmp_path_factory):
    """No proxy and no logins of who runs the tests."""
    for name in ("http_proxy", "https_proxy", "all_proxy", "HTTP_PROXY", "HTTPS_PROXY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("NETRC", str(tmp_path_factory.getbasetemp() / "no-netrc"))


@pytest.fixture
def quick():
    """Settings that do not wait."""
    return Settings(workers=1, retries=2, timeout_s=5.0, backoff_s=0.0)


@pytest.fixture(scope="session")
def small():
    """An entry of the catalogue for a small network: ResNet18, 64 pixels, four outputs."""
    outputs = (
        Output("Effusion", "effusion", 0.25),
        Output("", "", None),
        Output("Mass", "mass", 0.125),
        Output("Lung Lesion", "lung_lesion", None),
    )
    return replace(
        published("txrv-resnet50-all"),
        name="txrv-small",
        theirs="resnet18-res64-small",
        backbone="resnet18",
        size_px=64,
        outputs=outputs,
        sigmoids=1,
    )
