"""Addresses, lists, checksums, and names on disk."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hilum.datasets.fetch import Wanted, checksum, read_list, shown
from hilum.datasets.fetch.wanted import file_name
from hilum.errors import FetchError

SHA256, MD5 = "ab" * 32, "CD" * 16
REFUSED = {
    "file:///etc/passwd": "is no way to fetch",
    "ftp://host/a": "is no way to fetch",
    "/etc/passwd": "is no way to fetch",
    "https://": "lacks a host",
    "https://host/a b": "holds a blank",
    "https://host/a\r\nX: y": "holds a blank",
    "https://me:hunter2@host/a": "holds a user or a password",
    "https://[::1/a": "makes no sense",
    "https://host:port/a": "makes no sense",
}


@pytest.mark.parametrize(("url", "message"), REFUSED.items())
def test_what_is_no_address_of_a_web_server_is_refused(url, message):
    with pytest.raises(FetchError, match=message) as caught:
        Wanted(url)
    assert "hunter2" not in str(caught.value)


@pytest.mark.parametrize("url", ["http://127.0.0.1:80/a", "HTTPS://host.org", "https://[::1]:4/a"])
def test_any_host_is_allowed(url):
    assert Wanted(url).url == url


def test_what_may_be_secret_is_never_shown():
    url = "https://host.org/a.zip?X-Amz-Signature=secret#secret"
    assert shown(url) == "https://host.org/a.zip?…"
    assert "secret" not in repr(Wanted(url))


def test_a_list_has_addresses_checksums_and_remarks(tmp_path):
    path = tmp_path / "list.txt"
    path.write_text(
        f"# images\n\nhttps://host/a.zip sha256:{SHA256}  # the first\n"
        f"  https://host/b.zip#part md5:{MD5}\nhttps://host/c.zip\n",
        encoding="utf-8-sig",
    )
    wanted = read_list(path)
    assert [one.url for one in wanted] == [
        "https://host/a.zip", "https://host/b.zip#part", "https://host/c.zip",
    ]  # fmt: skip
    assert [str(one.checksum) for one in wanted] == [
        f"sha256:{SHA256}", f"md5:{MD5.lower()}", "None",
    ]  # fmt: skip


def test_a_list_tells_all_its_wrong_lines(tmp_path):
    path = tmp_path / "list.txt"
    path.write_text("ftp://a\nhttps://b sha256:12\nhttps://c d e\nhttps://ok\nfile:///x\n")
    with pytest.raises(FetchError, match=r"line 1: ftp: .*line 2: .*line 3: 3 words.* and 1 more"):
        read_list(path)
    path.write_text("# nothing\n")
    with pytest.raises(FetchError, match="holds no address"):
        read_list(path)
    path.write_bytes(b"\xff\xfe")
    with pytest.raises(FetchError, match="no UTF-8 text"):
        read_list(path)
    with pytest.raises(FetchError, match="No such file"):
        read_list(tmp_path / "missing.txt")


@pytest.mark.parametrize("text", ["", "sha256:" + MD5, "sha1:" + "a" * 40, "md5:" + "g" * 32, "12"])
def test_what_is_no_checksum_is_refused(text):
    with pytest.raises(FetchError, match="is no checksum"):
        checksum(text)


NAMES = [
    (None, ["https://h/x/a.tar.gz?token=1"], "a.tar.gz"),
    (None, ["https://h/x/%E5%9C%96%20.zip"], "圖 .zip"),
    (None, ["https://h/download/12", "https://cdn/objects/a.zip?sig=1"], "a.zip"),
    (None, ["https://h/download/12", "https://cdn/objects/34"], "12"),
    (None, ["https://h"], "download"),
    ("b.zip", ["https://h/a.zip"], "b.zip"),
    ("../../etc/passwd", ["https://h/a.zip"], "passwd"),
    ("..\\..\\boot.ini", ["https://h/a.zip"], "boot.ini"),
    ("/etc/", ["https://h/a.zip"], "a.zip"),
    ("..", ["https://h/a.zip"], "a.zip"),
    (".bashrc", ["https://h/a.zip"], "bashrc"),
    ("a\x00b\n:c?.zip", ["https://h/a.zip"], "a_b__c_.zip"),
    ("NUL.zip", ["https://h/a.zip"], "_NUL.zip"),
    (None, ["https://h/..%2f..%2fevil.sh"], "evil.sh"),
]


@pytest.mark.parametrize(("disposition", "urls", "name"), NAMES)
def test_names_are_those_of_the_server_made_safe(disposition, urls, name):
    assert file_name(disposition, urls) == name


@given(st.text(st.characters(codec="utf-8"), max_size=400))
def test_no_name_leads_out_of_the_folder(text):
    name = file_name(text, ["https://host/a.zip"])
    assert name not in ("", ".", "..")
    assert not set(name) & set("/\\\x00\r\n")
    assert len(f"{name}.part.json".encode()) <= 255
    assert not name.startswith(".")
    assert file_name(text + "a.tar.gz", ["https://h/a"]).endswith(".tar.gz")
