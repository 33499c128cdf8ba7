"""Files come whole or not at all, whatever the server and the connection do."""

from __future__ import annotations

import hashlib
import random
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from hilum.datasets.fetch import Checksum, Settings, Wanted, fetch
from hilum.errors import FetchError

DATA = random.Random(3).randbytes(300_000)
OTHER = random.Random(4).randbytes(250_000)
SHA256 = Checksum("sha256", hashlib.sha256(DATA).hexdigest())
MD5 = Checksum("md5", hashlib.md5(DATA).hexdigest())
WRONG = Checksum("sha256", "0" * 64)
DATE = "Wed, 01 May 2024 10:00:00 GMT"


@pytest.fixture
def get(web, tmp_path, quick):
    """Fetch one address."""

    def run(url, checksum=None, **options):
        options = {"settings": quick} | options
        (one,) = fetch([Wanted(url, checksum)], tmp_path, **options)
        return one

    return run


def left(folder: Path) -> list[str]:
    return sorted(p.name for p in folder.iterdir() if not p.name.startswith("."))


def begun(folder: Path, web, path: str, get, act, at: int = 100_000):
    """Let a first run end after so many bytes."""
    file = web.files[path]
    file.acts[:] = [act(cut=at), act(status=404)]
    assert get(web.url + path).state == "failed"
    assert left(folder) == [path[1:] + ".part", path[1:] + ".part.json"]
    assert (folder / (path[1:] + ".part")).stat().st_size == at
    file.log.clear()


@pytest.mark.parametrize("checksum", [None, SHA256, MD5], ids=str)
def test_a_file_is_fetched_in_one_request(web, tmp_path, get, checksum):
    one = get(web.put("/a.bin", DATA), checksum)
    assert (one.state, one.bytes, one.verified) == ("fetched", len(DATA), checksum is not None)
    assert one.path == tmp_path / "a.bin"
    assert one.path.read_bytes() == DATA
    assert left(tmp_path) == ["a.bin"]
    assert web.files["/a.bin"].fetched == [(None, len(DATA))]


def test_an_empty_file_is_a_file(web, tmp_path, get):
    one = get(web.put("/none.csv", b""))
    assert (one.state, one.bytes) == ("fetched", 0)
    assert left(tmp_path) == ["none.csv"]


@pytest.mark.parametrize("options", [{}, {"etag": None, "modified": DATE}], ids=["etag", "date"])
def test_a_connection_that_is_cut_is_gone_on_with(web, get, act, options):
    url = web.put("/a.bin", DATA, acts=[act(cut=70_000), act(cut=0), act(cut=9)], **options)
    one = get(url)
    assert one.path.read_bytes() == DATA
    file = web.files["/a.bin"]
    assert file.fetched == [
        (None, 70_000),
        ("bytes=70000-", 0),
        ("bytes=70000-", 9),
        ("bytes=70009-", len(DATA) - 70_009),
    ]
    assert file.log[-1].if_range == (file.etag or DATE)
    assert "broken off" in one.notes[0]


@settings(
    max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    cuts=st.lists(st.integers(0, 4000), max_size=12),
    ranges=st.booleans(),
    etag=st.sampled_from(['"one"', 'W/"weak"', None]),
    checked=st.booleans(),
    runs=st.integers(1, 3),
)
def test_whatever_the_cuts_the_result_equals_the_source(
    web, act, cuts, ranges, etag, checked, runs
):
    data = DATA[:4000]
    acts = [act(cut=cut) for cut in cuts]
    url = web.put("/a.bin", data, acts=acts, ranges=ranges, etag=etag)
    known = Checksum("sha256", hashlib.sha256(data).hexdigest()) if checked else None
    with tempfile.TemporaryDirectory() as folder:
        for _ in range(runs):
            given_up = Settings(retries=20 if runs == 1 else 3, timeout_s=5, backoff_s=0)
            (one,) = fetch([Wanted(url, known)], Path(folder), settings=given_up)
            assert (Path(folder) / "a.bin").exists() is (one.error is None)
        acts.clear()
        (one,) = fetch([Wanted(url, known)], Path(folder), settings=given_up)
        assert one.error is None
        assert left(Path(folder)) == ["a.bin"]
        assert (Path(folder) / "a.bin").read_bytes() == data


def test_a_later_run_goes_on(web, tmp_path, get, act):
    url = web.put("/a.bin", DATA)
    begun(tmp_path, web, "/a.bin", get, act)
    one = get(url)
    assert one.path.read_bytes() == DATA
    assert web.files["/a.bin"].fetched == [("bytes=100000-", len(DATA) - 100_000)]
    assert left(tmp_path) == ["a.bin"]
    assert "going on after 100,000 bytes" in one.notes


def test_a_file_that_changed_between_runs_begins_anew(web, tmp_path, get, act):
    url = web.put("/a.bin", DATA)
    begun(tmp_path, web, "/a.bin", get, act)
    web.files["/a.bin"].data, web.files["/a.bin"].etag = OTHER, '"two"'
    one = get(url)
    assert one.path.read_bytes() == OTHER
    assert "changed on the server since it was begun: starting anew" in one.notes[0]


def test_a_file_that_changes_between_attempts_begins_anew(web, get, act):
    url = web.put("/a.bin", DATA, acts=[act(cut=70_000), act(become=(OTHER, '"two"'))])
    one = get(url)
    assert one.path.read_bytes() == OTHER
    assert web.files["/a.bin"].fetched[1:] == [("bytes=70000-", len(OTHER))]  # one request: 200
    assert "it has changed on the server: starting anew" in one.notes


@pytest.mark.parametrize("other", [OTHER, DATA[::-1]], ids=["size", "etag"])
def test_a_file_that_changes_under_a_server_that_knows_no_if_range_begins_anew(
    web, get, act, other
):
    lies = act(status=206, body=other[70_000:], headers={"ETag": '"two"'})
    lies.headers["Content-Range"] = f"bytes 70000-{len(other) - 1}/{len(other)}"
    url = web.put("/a.bin", DATA, acts=[act(cut=70_000), lies, act(become=(other, '"two"'))])
    one = get(url)
    assert one.path.read_bytes() == other
    assert any("changed on the server meanwhile" in note for note in one.notes)


def test_a_server_without_ranges_begins_anew_and_says_so(web, get, act):
    url = web.put("/a.bin", DATA, acts=[act(cut=70_000)], ranges=False)
    one = get(url)
    assert one.path.read_bytes() == DATA
    assert "the server sends no parts (it ignores Range): starting anew" in one.notes


def test_where_nothing_tells_versions_apart_it_begins_anew_unless_a_checksum_can(
    web, tmp_path, get, act
):
    url = web.put("/a.bin", DATA, etag='W/"weak"')
    begun(tmp_path, web, "/a.bin", get, act)
    one = get(url)
    assert web.files["/a.bin"].fetched == [(None, len(DATA))]
    assert "no ETag, no Last-Modified" in one.notes[0]
    one.path.unlink()
    web.files["/a.bin"].acts[:] = [act(cut=70_000)]  # within one run, too
    one = get(url)
    assert web.files["/a.bin"].fetched[1:] == [(None, 70_000), (None, len(DATA))]
    assert "no ETag, no Last-Modified" in one.notes[-1]
    one.path.unlink()
    begun(tmp_path, web, "/a.bin", get, act)
    assert get(url, SHA256).verified
    assert web.files["/a.bin"].fetched == [("bytes=100000-", len(DATA) - 100_000)]
    assert web.files["/a.bin"].log[-1].if_range is None


def test_pieces_that_do_not_add_up_are_fetched_once_more_as_a_whole(web, tmp_path, get, act):
    url = web.put("/a.bin", OTHER[:100_000] + DATA[100_000:])
    begun(tmp_path, web, "/a.bin", get, act)
    web.files["/a.bin"].data = DATA  # under the same ETag
    one = get(url, SHA256)
    assert one.verified
    assert one.path.read_bytes() == DATA
    assert any("fetched in pieces: starting anew" in note for note in one.notes)


def test_a_server_that_sends_small_parts_is_asked_for_the_next(web, get, act):
    parts = [
        act(cut=100_000),
        act(
            status=206,
            body=DATA[100_000:100_010],
            headers={"Content-Range": f"bytes 100000-100009/{len(DATA)}"},
        ),
    ]
    one = get(web.put("/a.bin", DATA, acts=parts))
    assert one.path.read_bytes() == DATA
    assert web.files["/a.bin"].fetched[-1][0] == "bytes=100010-"


WRONG_PARTS = {
    "elsewhere": {"Content-Range": f"bytes 0-{len(DATA) - 1}/{len(DATA)}"},
    "beyond": {"Content-Range": f"bytes 70000-{len(DATA)}/{len(DATA)}"},
    "backwards": {"Content-Range": f"bytes 70000-1/{len(DATA)}"},
    "no span": {"Content-Range": None},
    "several": {"Content-Range": None, "Content-Type": "multipart/byteranges; boundary=x"},
    "length": {"Content-Length": "5"},
    "size": {"Content-Range": f"bytes 70000-{len(DATA) - 1}/{len(DATA) + 1}"},
}


@pytest.mark.parametrize("headers", WRONG_PARTS.values(), ids=WRONG_PARTS)
def test_a_wrong_part_is_not_taken(web, get, act, headers):
    url = web.put("/a.bin", DATA, acts=[act(cut=70_000), act(headers=headers)])
    one = get(url)
    assert one.path.read_bytes() == DATA
    assert any("starting anew" in note for note in one.notes)
    assert web.files["/a.bin"].fetched[-1] == (None, len(DATA))


def test_416_begins_anew(web, get, act):
    url = web.put("/a.bin", DATA, acts=[act(cut=70_000), act(status=416)])
    one = get(url)
    assert one.path.read_bytes() == DATA
    assert any("no bytes behind" in note for note in one.notes)


def test_a_server_that_refuses_the_first_byte_is_asked_for_all(web, get, act):
    one = get(web.put("/a.bin", DATA, ask=[act(status=416)]))
    assert one.path.read_bytes() == DATA


def test_416_of_a_file_that_is_whole_is_its_end(web, tmp_path, get, act):
    unknown = {"Content-Length": None, "Content-Range": "bytes 0-0/*"}
    web.put("/a.bin", DATA, ask=[act(headers=unknown), act(headers=unknown)])
    file = web.files["/a.bin"]
    more = {"Content-Range": f"bytes 70000-{len(DATA) - 1}/*"}
    chunked = {"Content-Length": None, "Transfer-Encoding": "chunked"}
    torn = b"11170\r\n" + DATA[:70_000]  # a chunk of 70,000 bytes, and no end
    file.acts[:] = [act(body=torn, headers=chunked), act(headers=more)]
    one = get(web.url + "/a.bin")
    assert one.path.read_bytes() == DATA
    assert [asked for asked, _ in file.fetched] == [None, "bytes=70000-", "bytes=300000-"]


def test_chunks_are_put_together_and_a_missing_end_is_noticed(web, get, act):
    def chunked(data, end=b"0\r\n\r\n"):
        return act(
            body=b"%x\r\n" % len(data) + data + b"\r\n" + end,
            headers={"Content-Length": None, "Transfer-Encoding": "chunked"},
        )

    url = web.put("/a.bin", DATA, etag=None, acts=[chunked(DATA[:9], b""), chunked(DATA)])
    web.files["/a.bin"].ask[:] = [chunked(DATA)]
    one = get(url)
    assert one.path.read_bytes() == DATA
    assert "the server did not say how long it is" in one.notes[-1]


def test_a_length_that_the_server_never_keeps_is_given_up(web, tmp_path, get, act):
    lies = act(cut=None, headers={"Content-Length": str(len(DATA) + 7)})
    lies.cut = len(DATA)
    url = web.put("/a.bin", DATA, ask=[act(headers=WRONG_PARTS["size"])], acts=[lies] * 30)
    web.files["/a.bin"].ask[0].headers = {"Content-Range": f"bytes 0-0/{len(DATA) + 7}"}
    one = get(url)
    assert one.state == "failed"
    assert "a.bin" not in left(tmp_path)


def test_two_lengths_of_one_version_are_a_contradiction(web, get, act):
    url = web.put("/a.bin", DATA, acts=[act(body=DATA[:50])] * 9)
    one = get(url)
    assert "300,000 bytes at one time and 50 later" in str(one.error)


def test_a_stalled_connection_times_out_and_is_gone_on_with(web, get, act, quick):
    url = web.put("/a.bin", DATA, acts=[act(cut=10), act(pause_s=1.0)])
    begun = time.monotonic()
    one = get(url, settings=Settings(retries=2, timeout_s=0.2, backoff_s=0))
    assert time.monotonic() - begun < 1.0
    assert one.path.read_bytes() == DATA
    assert any("sent nothing for too long" in note for note in one.notes)


def test_a_server_that_asks_to_wait_is_waited_for(web, get, act):
    busy = act(status=503, headers={"Retry-After": "1"})
    url = web.put("/a.bin", DATA, ask=[busy], acts=[act(status=429), act(status=500)])
    begun = time.monotonic()
    one = get(url)
    assert 1.0 <= time.monotonic() - begun < 3.0
    assert one.path.read_bytes() == DATA


@pytest.mark.parametrize("after", ["86400", "Thu, 01 Jan 2099 00:00:00 GMT"])
def test_a_server_that_asks_to_wait_a_day_is_left(web, get, act, after):
    url = web.put("/a.bin", DATA, ask=[act(status=503, headers={"Retry-After": after})])
    assert "asks to wait" in str(get(url).error)


def test_tries_that_bring_nothing_come_to_an_end_and_wait_longer_and_longer(web, get, act):
    url = web.put("/a.bin", DATA, ask=[act(status=503)] * 9)
    begun = time.monotonic()
    one = get(url, settings=Settings(retries=3, timeout_s=5, backoff_s=0.05))
    assert time.monotonic() - begun >= 0.05 + 0.1 + 0.2
    assert "Given up at try 4 " in str(one.error)
    assert len(web.files["/a.bin"].log) == 4


def test_a_connection_that_brings_a_little_each_time_is_never_given_up(web, get, act):
    url = web.put("/a.bin", DATA, acts=[act(cut=1000) for _ in range(30)])
    assert get(url).path.read_bytes() == DATA


STATUSES = {401: "behind a login", 403: "behind a login", 404: "no such file", 410: "no such file",
            418: "answers 418"}  # fmt: skip


@pytest.mark.parametrize(("status", "message"), STATUSES.items())
def test_refusals_are_told_plainly_and_at_once(web, tmp_path, get, act, status, message):
    url = web.put("/a.bin", DATA, ask=[act(status=status)])
    one = get(url + "?token=secret")
    assert message in str(one.error)
    assert "secret" not in str(one.error) + repr(one)
    assert len(web.files["/a.bin"].log) == 1
    assert left(tmp_path) == []


def test_no_server_is_told(get, quick):
    one = get("http://127.0.0.1:9/a.bin?token=secret")
    assert "the connection to 127.0.0.1 was refused" in str(one.error)
    assert "secret" not in str(one.error)


def test_a_web_page_instead_of_the_file_is_refused(web, get, act):
    page = act(body=b"<html>log in", headers={"Content-Type": "text/html; charset=utf-8"})
    assert "a web page comes instead of a.zip" in str(get(web.put("/a.zip", ask=[page])).error)
    url = web.put("/b.zip", DATA, acts=[act(cut=9), page])  # the session ended meanwhile
    assert "a web page comes instead" in str(get(url).error)
    kept = {"Content-Type": "text/html"}
    assert get(web.put("/c.html", b"<html>", headers=kept)).state == "fetched"


def test_packing_on_the_way_is_refused_but_for_archives_that_are_so(web, get):
    packed = {"Content-Encoding": "gzip"}
    assert "packs a.csv on its way" in str(get(web.put("/a.csv", DATA, headers=packed)).error)
    one = get(web.put("/a.tar.gz", DATA, headers={"Content-Encoding": "x-gzip"}))
    assert one.path.read_bytes() == DATA
    assert web.files["/a.tar.gz"].log[0].headers["Accept-Encoding"] == "identity"


def test_a_wrong_checksum_keeps_the_file_apart(web, tmp_path, get):
    url = web.put("/a.bin", DATA)
    one = get(url, WRONG)
    assert f"its sha256 is {SHA256.digest}, not {WRONG.digest}" in str(one.error)
    assert left(tmp_path) == ["a.bin.part", "a.bin.part.json"]
    web.files["/a.bin"].log.clear()
    assert get(url, SHA256).verified  # the checksum was mistyped: nothing is fetched twice
    assert web.files["/a.bin"].fetched == []


def test_a_file_that_is_there_is_verified_and_skipped(web, tmp_path, get):
    url = web.put("/a.bin", DATA)
    get(url)
    (tmp_path / "a.bin.part.json").write_text("{}")  # killed between the last two steps
    web.files["/a.bin"].log.clear()
    one = get(url, SHA256)
    assert (one.state, one.verified) == ("present", True)
    assert "only a checksum could verify it" in get(url).notes[0]
    assert web.files["/a.bin"].fetched == []
    assert left(tmp_path) == ["a.bin"]
    assert "move it away to fetch it" in str(get(url, WRONG).error)
    (tmp_path / "a.bin").write_bytes(b"shorter")
    assert "has 7 bytes, that of the server 300,000" in str(get(url).error)
    assert (tmp_path / "a.bin").read_bytes() == b"shorter"


def test_a_part_of_another_program_is_left_alone(web, tmp_path, get):
    (tmp_path / "a.bin.part").write_bytes(b"a browser's")
    one = get(web.put("/a.bin", DATA))
    assert "was left by another program" in str(one.error)
    assert (tmp_path / "a.bin.part").read_bytes() == b"a browser's"


def test_a_part_from_another_address_is_not_gone_on_with(web, tmp_path, get, act):
    web.put("/a.bin", DATA)
    begun(tmp_path, web, "/a.bin", get, act)
    one = get(web.put("/mirror/a.bin", DATA))
    assert "begun from another address" in one.notes[0]
    assert one.path.read_bytes() == DATA


def test_a_full_disk_ends_the_run_and_keeps_what_is_there(web, tmp_path, quick, act):
    """In a process that may write files of 100,000 bytes at most."""
    url = web.put("/a.bin", DATA)
    code = (
        "import resource, sys\n"
        "from pathlib import Path\n"
        "from hilum.datasets.fetch import Wanted, fetch\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))\n"
        "fetch([Wanted(sys.argv[1])], Path(sys.argv[2]))\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, url, tmp_path], capture_output=True, text=True, check=False
    )
    assert "takes no file as large as a.bin.part" in done.stderr
    assert (tmp_path / "a.bin.part").read_bytes() == DATA[:100_000]
    (one,) = fetch([Wanted(url)], tmp_path, settings=quick)
    assert web.files["/a.bin"].fetched[-1] == ("bytes=100000-", 200_000)
    assert one.path.read_bytes() == DATA


def test_no_space_left_is_told_with_what_to_do(web, tmp_path, quick, monkeypatch):
    import errno

    from hilum.datasets.fetch import partial

    def full(_descriptor):
        raise OSError(errno.ENOSPC, "No space left on device")

    url = web.put("/a.bin", DATA)
    with monkeypatch.context() as patch:
        patch.setattr(partial.os, "fsync", full)
        with pytest.raises(FetchError, match=r"make room and run"):
            fetch([Wanted(url)], tmp_path, settings=quick)
    assert "a.bin" not in left(tmp_path)
    assert fetch([Wanted(url)], tmp_path, settings=quick)[0].path.read_bytes() == DATA


def test_a_killed_process_is_gone_on_with(web, tmp_path, quick):
    """SIGKILL in the middle; afterwards only the missing bytes are asked for."""
    url = web.put("/a.bin", DATA, chunk_pause=(5_000, 0.01))
    command = (
        "import sys; from pathlib import Path; from hilum.datasets.fetch import Wanted, fetch; "
        "fetch([Wanted(sys.argv[1])], Path(sys.argv[2]))"
    )
    child = subprocess.Popen([sys.executable, "-c", command, url, tmp_path])
    part = tmp_path / "a.bin.part"
    until = time.monotonic() + 20
    while not (part.exists() and part.stat().st_size > 50_000) and time.monotonic() < until:
        time.sleep(0.005)
    child.send_signal(signal.SIGKILL)
    assert child.wait() == -signal.SIGKILL
    have = part.stat().st_size
    assert 50_000 < have < len(DATA)
    assert part.read_bytes() == DATA[:have]
    file = web.files["/a.bin"]
    file.log.clear()
    file.chunk_pause = None
    (one,) = fetch([Wanted(url, SHA256)], tmp_path, settings=quick)
    assert one.path.read_bytes() == DATA
    assert file.fetched == [(f"bytes={have}-", len(DATA) - have)]
    assert left(tmp_path) == ["a.bin"]
