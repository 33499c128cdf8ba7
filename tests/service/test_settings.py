"""One TOML file, checked as a whole; what is said names what is wrong."""

from __future__ import annotations

from pathlib import Path

import pytest

from hilum.errors import BundleError, ServiceError
from hilum.service.settings import Settings, read_settings
from hilum.service.starting import addresses, check, checked, free_port, reachable


def written(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "hilum.toml"
    path.write_text(text, "utf-8")
    return path


def test_the_command_line_goes_over_the_file(tmp_path):
    path = written(tmp_path, 'folder = "/srv/hilum"\n[web]\nport = 81\n[dicom]\nae_title = "A"\n')
    settings = read_settings(path, **{"web.port": 82, "dicom.ae_title": None, "log": "json"})
    assert (settings.folder, settings.web.port, settings.dicom.ae_title, settings.log) == (
        Path("/srv/hilum"), 82, "A", "json",
    )  # fmt: skip


def test_nothing_given_is_a_safe_server():
    settings = read_settings(None)
    assert (settings.web.host, settings.dicom.host) == ("127.0.0.1", "127.0.0.1")
    assert settings.sqlite == Path("~/.hilum/server/hilum.sqlite").expanduser()
    assert check(settings) == []


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[web]\nport = 99999", "web.port: Input should be less than or equal to 65535"),
        ("[webb]\nport = 1", "webb: there is no such key"),
        (
            '[dicom]\nae_title = "SEVENTEEN LETTERS"',
            "dicom.ae_title: String should have at most 16",
        ),
        ('[dicom]\nae_title = "BACK\\\\SLASH"', "dicom.ae_title: String should match pattern"),
        ('[[places]]\nname = "pacs"', "places.0: Value error, give ae_title, host and port"),
        ('[[places]]\nname = "pacs"\nae_title = "A"', "places.0: Value error, ae_title needs host"),
        ('[[webhooks]]\nname = "w"\nurl = "x"\nsecret = "short"', "webhooks.0.secret: String"),
        ('database = "mysql://x"', "database: Value error, should be postgresql://"),
        ("[reading]\ntries = 0\nworkers = -1", "reading.workers: .*; reading.tries: "),
        ("this is no TOML", "is no TOML file"),
    ],
)
def test_what_is_wrong_is_named(tmp_path, text, said):
    with pytest.raises(ServiceError, match=said):
        read_settings(written(tmp_path, text))


def test_a_secret_is_never_shown(tmp_path):
    text = '[[webhooks]]\nname = "w"\nurl = "x"\nsecret = "hunter2hunter2hunter2"\nextra = 1'
    with pytest.raises(ServiceError, match="extra") as failure:
        read_settings(written(tmp_path, text))
    assert "hunter2" not in str(failure.value)


def test_a_file_that_is_not_there(tmp_path):
    with pytest.raises(ServiceError, match="cannot be read: No such file"):
        read_settings(tmp_path / "none.toml")


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"web.host": "0.0.0.0"}, "would answer at 0.0.0.0 without encryption"),
        ({"web.user_header": "X-User"}, "anyone could be anybody"),
        ({"dicom.host": "0.0.0.0"}, "no AE title allowed"),
        ({"reading.bundle": "a", "reading.cascade": "b"}, "name one"),
        (
            {"places": [{"name": "a", "url": "http://x"}] * 2},
            "Two places or webhooks are called a",
        ),
        (
            {"web.tls": {"certificate": "/no/cert.pem", "key": "/no/key.pem"}},
            r"web.tls: /no/cert.pem cannot be found. web.tls: /no/key.pem cannot be found",
        ),
    ],
)
def test_what_would_not_be_safe_is_refused(given, said):
    settings = read_settings(None, **given)
    with pytest.raises(ServiceError, match=said):
        checked(settings)


@pytest.mark.parametrize(
    "given",
    [
        {"web.host": "0.0.0.0", "web.proxies": ["10.0.0.2"]},
        {"dicom.host": "0.0.0.0", "dicom.allowed": ["MODALITY"]},
        {"dicom.host": "0.0.0.0", "dicom.on": False},
        {"web.host": "localhost"},
        {"web.host": "::1"},
    ],
)
def test_what_is_safe_is_not_refused(given):
    assert check(read_settings(None, **given)) == []


def test_a_port_that_is_taken(monkeypatch):
    import socket

    monkeypatch.setattr("hilum.service.starting._PORT_S", 0.1)
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        with pytest.raises(ServiceError, match=f"cannot listen at 127.0.0.1 port {port}: Address"):
            free_port("127.0.0.1", port, "web.port", "--port")
    assert free_port("127.0.0.1", port, "web.port", "--port") == port


def test_port_zero_becomes_one(settings):
    given = settings.model_copy(
        update={
            "web": settings.web.model_copy(update={"port": 0}),
            "dicom": settings.dicom.model_copy(update={"port": 0}),
        }
    )
    made = checked(given)
    assert made.web.port
    assert made.dicom.port
    assert addresses(made).page == f"http://127.0.0.1:{made.web.port}/"
    assert addresses(made).dicom == f"HILUM at 127.0.0.1:{made.dicom.port}"


def test_a_bundle_that_is_not_there():
    with pytest.raises(BundleError, match="nowhere"):
        checked(read_settings(None, **{"reading.bundle": "nowhere", "web.port": 0}))


def test_what_a_process_gets_is_what_was_read(tmp_path):
    text = (
        '[[webhooks]]\nname = "w"\nurl = "x"\nsecret = "0123456789abcdef"\n'
        '[[places]]\nname = "p"\nae_title = "P"\nhost = "h"\nsend = ["sr"]\n'
    )
    settings = read_settings(written(tmp_path, text))
    assert Settings.model_validate_json(settings.model_dump_json()) == settings


@pytest.mark.parametrize(
    ("host", "reached"),
    [
        ("127.0.0.1", "127.0.0.1"), ("0.0.0.0", "127.0.0.1"), ("::", "::1"), ("::1", "::1"),
        ("ward.example.org", "ward.example.org"),
    ],
)  # fmt: skip
def test_a_server_that_listens_everywhere_is_asked_on_the_loopback(host, reached):
    assert reachable(host) == reached
