"""Redirects, logins, certificates, proxies: whom Hilum trusts with what."""

from __future__ import annotations

import base64
import shutil
import ssl
import subprocess

import pytest

from hilum.datasets.fetch import Settings, Wanted, fetch

DATA = b"x" * 1000
TOKEN = Settings(retries=1, timeout_s=5, backoff_s=0, headers=(("Authorization", "Bearer tok"),))
BASIC = "Basic " + base64.b64encode(b"me:word").decode()


@pytest.fixture
def get(tmp_path, quick):
    def run(url, settings=quick):
        return fetch([Wanted(url)], tmp_path, settings=settings)[0]

    return run


@pytest.fixture
def elsewhere(make_web):
    server = make_web()
    yield server
    server.close()


def leads_to(act, url, status=302):
    return [act(status=status, headers={"Location": url}) for _ in range(4)]


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_redirects_are_followed_also_to_go_on(web, elsewhere, get, act, status):
    elsewhere.put("/objects/a.zip", DATA, acts=[act(cut=300)])
    target = elsewhere.url + "/objects/a.zip?sig=1"
    url = web.put("/get", ask=leads_to(act, target, status), acts=leads_to(act, target, status))
    one = get(url)
    assert one.path.name == "a.zip"
    assert one.path.read_bytes() == DATA
    assert elsewhere.files["/objects/a.zip"].fetched[1] == ("bytes=300-", 700)


def test_a_relative_redirect_is_followed(web, get, act):
    web.put("/b/a.zip", DATA)
    assert get(web.put("/b/get", ask=leads_to(act, "a.zip"), acts=leads_to(act, "a.zip"))).path


def test_the_name_of_the_header_counts(web, get):
    said = {"Content-Disposition": "attachment; filename*=UTF-8''..%2F%E5%9C%96.zip"}
    assert get(web.put("/get", DATA, headers=said)).path.name == "圖.zip"


@pytest.mark.parametrize(
    ("target", "message"),
    [
        ("/get", "leads on and on"),
        ("file:///etc/passwd", "is no way to fetch"),
        ("http://me:hunter2@127.0.0.1/a", "holds a user or a password"),
    ],
)
def test_redirects_that_lead_nowhere_good_are_refused(web, get, act, target, message):
    url = web.put("/get", ask=[act(status=302, headers={"Location": target}) for _ in range(20)])
    error = str(get(url).error)
    assert message in error
    assert "hunter2" not in error


def test_headers_go_to_the_host_of_the_address_and_no_further(web, elsewhere, get, act):
    elsewhere.put("/a.zip", DATA)
    target = elsewhere.url + "/a.zip"
    url = web.put("/get", ask=leads_to(act, target), acts=leads_to(act, target))
    assert get(url, TOKEN).state == "fetched"
    assert {one.headers["Authorization"] for one in web.files["/get"].log} == {"Bearer tok"}
    assert {one.headers["Authorization"] for one in elsewhere.files["/a.zip"].log} == {None}
    assert "tok" not in repr(TOKEN)


def test_logins_come_from_netrc(web, get, tmp_path, monkeypatch):
    url = web.put("/a.zip", DATA, login=BASIC)
    assert "~/.netrc" in str(get(url).error)
    path = tmp_path / "netrc"
    path.write_text("machine 127.0.0.1 login me password word\n")
    monkeypatch.setenv("NETRC", str(path))
    assert get(url).state == "fetched"
    path.write_text("machine 127.0.0.1 login me\npassword word hunter2\n")
    error = str(get(web.put("/b.zip", DATA, login=BASIC)).error)
    assert "cannot be read (line" in error
    assert "hunter2" not in error


@pytest.mark.parametrize(
    "headers",
    [
        {"Content-Range": f"bytes 0-0/{'9' * 5000}"},
        {"Content-Range": "bytes \xb2-\xb2/\xb2"},
        {"Content-Length": "1, 1"},
        {"Content-Disposition": "attachment; filename*=no-such''%ff"},
        {"Content-Disposition": 'attachment; filename="a\xe9\x01.zip'},
        {"ETag": '"\xfc"'},
        {"Last-Modified": "yesterday"},
        {"Content-Type": "\xff"},
    ],
)
def test_headers_that_make_no_sense_do_no_harm(web, get, act, headers):
    odd = [act(headers=headers), act(headers=headers)]
    url = web.put("/a.zip", DATA, headers={}, ask=odd, acts=[act(cut=10)])
    one = get(url)
    assert one.error is None
    assert one.path.read_bytes() == DATA


@pytest.mark.parametrize("after", ["\xb2", "-1", "soon", "1e9"])
def test_a_wait_that_makes_no_sense_is_none(web, get, act, after):
    url = web.put("/a.zip", DATA, ask=[act(status=503, headers={"Retry-After": after})])
    assert get(url).state == "fetched"


def test_a_header_stands_above_netrc(web, get, tmp_path, monkeypatch):
    (tmp_path / "netrc").write_text("machine 127.0.0.1 login me password word\n")
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))
    assert get(web.put("/a.zip", DATA, login="Bearer tok"), TOKEN).state == "fetched"


def test_a_proxy_of_the_environment_is_used(web, get, monkeypatch):
    monkeypatch.setenv("http_proxy", web.url)
    monkeypatch.setenv("no_proxy", "")
    web.put("http://collection.invalid/a.zip", DATA)
    assert get("http://collection.invalid/a.zip").path.read_bytes() == DATA


@pytest.fixture
def encrypted(make_web, tmp_path_factory):
    """A server with a certificate that nobody vouches for, and the certificate."""
    if shutil.which("openssl") is None:
        pytest.skip("needs the program openssl, which makes a certificate")
    folder = tmp_path_factory.mktemp("certificate")
    key, certificate = folder / "key.pem", folder / "certificate.pem"
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256",
         "-nodes", "-keyout", key, "-out", certificate, "-days", "2", "-subj", "/CN=127.0.0.1",
         "-addext", "subjectAltName=IP:127.0.0.1"],
        check=True, capture_output=True,
    )  # fmt: skip
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    server = make_web(lambda plain: context.wrap_socket(plain, server_side=True))
    yield server, certificate
    server.close()


def test_certificates_are_checked(encrypted, get, monkeypatch):
    server, certificate = encrypted
    url = server.put("/a.zip", DATA)
    assert "cannot prove that it is 127.0.0.1" in str(get(url).error)
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    assert get(url).path.read_bytes() == DATA


def test_an_encrypted_address_does_not_lead_to_a_plain_one(encrypted, web, get, act, monkeypatch):
    server, certificate = encrypted
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    url = server.put("/get", ask=leads_to(act, web.put("/a.zip", DATA)))
    assert "leads from https to plain http" in str(get(url).error)
    assert web.files["/a.zip"].log == []
