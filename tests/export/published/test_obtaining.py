"""A file is fetched, or given, and not used before its digest is right."""

from __future__ import annotations

import hashlib
from dataclasses import replace

import pytest

from hilum.errors import BundleError, DigestMismatch, FetchError
from hilum.export.published import obtaining
from hilum.export.published.obtaining import ACCEPTED, KNOWN, OTHER, obtain
from tests.datasets.fetch.conftest import Act

DATA = bytes(range(256)) * 4096
SHA = hashlib.sha256(DATA).hexdigest()
WRONG = "0" * 64


@pytest.fixture
def network(small, web, request):
    """Its file is on the server; digest and size are known."""
    url = web.put(f"/{abs(hash(request.node.name))}/net.pt", DATA)
    known = {"bytes": len(DATA), "sha256": SHA, "digest_from": "written down"}
    return replace(small, url=url, **known)


def unknown(network):
    return replace(network, bytes=None, sha256=None, digest_from="")


def served(web, network):
    return web.files[network.url.removeprefix(web.url)]


def test_a_file_with_the_known_digest(network, tmp_path, quick):
    found = obtain(network, tmp_path, settings=quick)
    assert (found.data, found.sha256, found.believed) == (DATA, SHA, KNOWN)
    assert found.fetched == tmp_path / "net.pt"


def test_cut_on_the_way_it_goes_on(network, web, tmp_path, quick):
    served(web, network).acts = [Act(cut=100_000)]
    assert obtain(network, tmp_path, settings=quick).data == DATA
    spans = [span for span, _ in served(web, network).fetched]
    assert spans == [None, "bytes=100000-"]


def test_what_is_here_is_not_fetched_again(network, web, tmp_path, quick):
    obtain(network, tmp_path, settings=quick)
    before = len(served(web, network).log)
    assert obtain(network, tmp_path, settings=quick).data == DATA
    assert len(served(web, network).log) == before


@pytest.mark.parametrize("how", ["changed", "cut"])
def test_another_file_on_the_server_is_refused(network, web, tmp_path, quick, how):
    served(web, network).data = DATA[:-1] + b"x" if how == "changed" else DATA[:-9]
    with pytest.raises(FetchError, match=rf"(?s){SHA}.*name it with --from FILE"):
        obtain(network, tmp_path, settings=quick)
    assert not (tmp_path / "net.pt").exists()


def test_a_larger_file_is_not_fetched(network, web, tmp_path, quick):
    served(web, network).data = DATA * 3
    with pytest.raises(FetchError, match="larger than 1,048,576 bytes"):
        obtain(network, tmp_path, settings=quick)
    assert not served(web, network).fetched


def test_a_larger_file_whose_length_is_not_said(network, web, tmp_path, quick, monkeypatch):
    monkeypatch.setattr(obtaining, "LARGEST", 200_000)
    file = served(web, network)
    file.ranges, file.headers = False, {"Content-Length": None, "Connection": "close"}
    file.chunk_pause = (50_000, 0.001)
    with pytest.raises(FetchError, match="larger than 200,000 bytes"):
        obtain(unknown(network), tmp_path, settings=quick)
    assert not list(tmp_path.glob("net.pt*"))


def test_without_a_known_digest_the_user_must_say(network, web, tmp_path, quick):
    stranger = unknown(network)
    said = rf"states no digest of net.pt.*1,048,576 bytes and SHA-256 {SHA}.*--accept-digest {SHA}"
    with pytest.raises(BundleError, match=said):
        obtain(stranger, tmp_path, settings=quick)
    fetched = len(served(web, network).fetched)
    found = obtain(stranger, tmp_path, accepted=f"sha256:{SHA.upper()}", settings=quick)
    assert found.believed == ACCEPTED
    assert len(served(web, network).fetched) == fetched  # it was kept


@pytest.mark.parametrize(
    ("accepted", "error", "message"),
    [
        ("", DigestMismatch, rf"expected was {WRONG} \(written down\).*nothing in it was read"),
        ("1" * 64, DigestMismatch, r"expected was 1{64} \(the one that was accepted\)"),
        ("123", FetchError, "is no checksum"),
    ],
)
def test_a_file_at_hand_with_another_digest(network, tmp_path, accepted, error, message):
    (tmp_path / "mine.pt").write_bytes(DATA)
    other = replace(network, sha256=WRONG)
    with pytest.raises(error, match=message):
        obtain(other, tmp_path, file=tmp_path / "mine.pt", accepted=accepted)


def test_a_file_at_hand_needs_no_server(network, tmp_path):
    (tmp_path / "mine.pt").write_bytes(DATA)
    away = replace(network, url="http://127.0.0.1:1/net.pt")
    found = obtain(away, tmp_path / "none", file=tmp_path / "mine.pt")
    assert (found.data, found.name, found.believed, found.fetched) == (DATA, "mine.pt", KNOWN, None)
    other = replace(away, sha256=WRONG)
    found = obtain(other, tmp_path, file=tmp_path / "mine.pt", accepted=SHA)
    assert found.believed == OTHER
    with pytest.raises(BundleError, match=r"none.pt cannot be read: No such file"):
        obtain(away, tmp_path, file=tmp_path / "none.pt")
    with pytest.raises(BundleError, match="cannot be read"):
        obtain(away, tmp_path, file=tmp_path)


def test_without_a_network(network, tmp_path, quick):
    away = replace(network, url="http://127.0.0.1:1/net.pt")
    with pytest.raises(FetchError, match=r"Where this machine reaches no network.*--from FILE"):
        obtain(away, tmp_path, settings=quick)


def test_a_full_disk_is_told_before_anything_is_fetched(network, web, tmp_path, quick, monkeypatch):
    def full(_folder):
        return type("Usage", (), {"free": 10})

    monkeypatch.setattr("shutil.disk_usage", full)
    with pytest.raises(FetchError, match="make room"):
        obtain(network, tmp_path, settings=quick)
    assert not served(web, network).fetched
