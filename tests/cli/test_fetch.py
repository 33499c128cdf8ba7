"""``hilum datasets fetch`` against a server on loopback."""

from __future__ import annotations

import hashlib
import io
import threading
import zipfile
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer

import numpy as np
import pytest
import typer
from typer.testing import CliRunner

from hilum.cli.fetch import fetch
from hilum.datasets.collections import COLLECTIONS
from hilum.errors import FetchError
from hilum.imaging import encode_png
from hilum.phantoms import draw_chest


def zipped(content: dict[str, bytes]) -> bytes:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as file:
        for name, data in content.items():
            file.writestr(name, data)
    return packed.getvalue()


class Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *_):
        pass


@pytest.fixture
def site(tmp_path):
    """A folder and the address under which it is served."""
    folder = tmp_path / "site"
    folder.mkdir()
    with ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=folder)) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
        thread.start()
        yield folder, f"http://127.0.0.1:{server.server_address[1]}"
        server.shutdown()


@pytest.fixture
def hilum_fetch(monkeypatch, tmp_path):
    monkeypatch.setenv("COLUMNS", "200")
    monkeypatch.setenv("NETRC", str(tmp_path / "no-netrc"))
    for name in ("http_proxy", "HTTP_PROXY"):
        monkeypatch.delenv(name, raising=False)
    app = typer.Typer()
    app.command()(fetch)

    def run(*arguments):
        done = CliRunner().invoke(app, [str(a) for a in arguments])
        if isinstance(done.exception, Exception):
            raise done.exception
        return done

    return run


def test_files_are_fetched_verified_and_skipped(site, hilum_fetch, tmp_path):
    folder, url = site
    (folder / "a.zip").write_bytes(b"a" * 2_500_000)
    (folder / "b.csv").write_bytes(b"b")
    sha256 = hashlib.sha256(b"a" * 2_500_000).hexdigest()
    (tmp_path / "list.txt").write_text(f"{url}/b.csv  # labels\n")
    arguments = [f"{url}/a.zip", tmp_path / "list.txt", "--sha256", sha256, "-o", tmp_path / "out"]
    done = hilum_fetch(*arguments)
    assert done.exit_code == 0, done.output
    assert "2 files → " in done.stdout
    assert "2 fetched (2.50 MB in " in done.stdout
    assert "1 verified by checksum." in done.stdout
    assert (tmp_path / "out" / "b.csv").read_bytes() == b"b"
    done = hilum_fetch(*arguments)
    assert "0 fetched (0 bytes in " in done.stdout
    assert "2 already there, 1 verified" in done.stdout
    assert "b.csv: it is there, as long as on the server" in done.stderr


def test_what_fails_is_listed_and_others_come(site, hilum_fetch, tmp_path):
    folder, url = site
    (folder / "a.csv").write_bytes(b"a")
    done = hilum_fetch(f"{url}/a.csv", f"{url}/lost.zip?token=secret", "-o", tmp_path / "out")
    assert done.exit_code == 1
    assert "FAILED: 1. Exit status 1." in done.stdout
    assert "/lost.zip?…: the server answers 404" in done.stdout
    assert "secret" not in done.output
    assert (tmp_path / "out" / "a.csv").exists()


def test_archives_are_unpacked_and_removed_if_asked(site, hilum_fetch, tmp_path):
    folder, url = site
    (folder / "a.zip").write_bytes(zipped({"images/1.png": b"1", "labels.csv": b"a"}))
    (folder / "b.zip").write_bytes(zipped({"../evil.png": b"1", "2.png": b"2"}))
    out = tmp_path / "out"
    arguments = [f"{url}/a.zip", f"{url}/b.zip", "--unpack", "--remove-archives", "-o", out]
    for _ in range(2):  # the second time all is there
        done = hilum_fetch(*arguments)
        assert done.exit_code == 1
        assert (
            "NOT complete: 1. Exit status 1.\n  b.zip: 1 members were not unpacked: ../evil"[:60]
            in done.stdout
        )
        assert (out / "a" / "images" / "1.png").read_bytes() == b"1"
        assert (out / "b" / "2.png").read_bytes() == b"2"
        names = sorted(path.name for path in out.iterdir())
        assert names == [".hilum-fetch.lock", "a", "b", "b.zip"]
    assert "1 already there, 1 unpacked before" in done.stdout
    assert not (tmp_path / "evil.png").exists()


def test_archives_stay_packed_and_are_kept_unless_asked(site, hilum_fetch, tmp_path):
    folder, url = site
    (folder / "a.zip").write_bytes(zipped({"1.png": b"1"}))
    out = tmp_path / "out"
    assert hilum_fetch(f"{url}/a.zip", "-o", out).exit_code == 0
    assert {path.name for path in out.iterdir()} == {".hilum-fetch.lock", "a.zip"}
    assert hilum_fetch(f"{url}/a.zip", "-o", out, "--unpack").exit_code == 0
    assert {path.name for path in out.iterdir()} == {".hilum-fetch.lock", "a.zip", "a"}
    with pytest.raises(FetchError, match="goes with --unpack"):
        hilum_fetch(f"{url}/a.zip", "-o", out, "--remove-archives")


@pytest.mark.parametrize("unpack", [[], ["--unpack", "--remove-archives"]])
def test_radiographs_are_converted_as_they_land(site, hilum_fetch, tmp_path, unpack):
    folder, url = site
    rng = np.random.default_rng(1)
    pictures = [draw_chest(rng, size=(128, 128)).pixels for _ in range(3)]
    for name, part in {"a.zip": pictures[:2], "b.zip": pictures[2:]}.items():
        (folder / name).write_bytes(
            zipped({f"{n}.png": encode_png(picture) for n, picture in enumerate(part)})
        )
    (folder / "labels.csv").write_bytes(b"image,label\n")
    (folder / "tables.zip").write_bytes(zipped({"labels.csv": b"image,label\n"}))
    urls = [f"{url}/{path.name}" for path in folder.iterdir()]
    out, to = tmp_path / "out", tmp_path / "converted"
    for again in range(2):  # the second time all is there
        done = hilum_fetch(*urls, "-o", out, "--convert-to", to, "--size", 32, *unpack)
        assert done.exit_code == 0, done.output
        assert ("converting 2 radiographs" in done.stderr) is (again == 0)
        assert "labels.csv: converting" not in done.stderr
        assert len(list((to / "images").rglob("*.png"))) == 3


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["file:///etc/passwd"], "file: is no way to fetch"),
        (["missing.txt"], "cannot be read: No such file"),
        (["https://h/a", "--sha256", "12"], "is no checksum"),
        (["https://h/a", "https://h/b", "--sha256", "a" * 64], "1 × --sha256 and 2 addresses"),
        (["https://h/a", "--header", "secret"], "not of the form 'NAME: VALUE'"),
        (["https://h/a", "--header", "Authorization: secret …"], "not of the form 'NAME: VALUE'"),
        (["https://h/a", "--header", "A: b\nsecret: c"], "not of the form 'NAME: VALUE'"),
    ],
)
def test_wrong_arguments_are_told_at_once(hilum_fetch, tmp_path, arguments, message):
    with pytest.raises(FetchError, match=message) as caught:
        hilum_fetch(*arguments, "-o", tmp_path / "out")
    assert "secret" not in str(caught.value)
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("name", list(COLLECTIONS))
def test_the_name_of_a_collection_leads_to_its_page(hilum_fetch, tmp_path, name):
    collection = COLLECTIONS.resolve(name)
    with pytest.raises(FetchError, match="is a collection, not an address") as caught:
        hilum_fetch(name, "-o", tmp_path)
    assert collection.home in str(caught.value)
    assert collection.layout.rstrip() in str(caught.value)
