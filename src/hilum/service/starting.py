"""Before a server starts: whether its settings are safe, its ports free, its bundle whole."""

from __future__ import annotations

import socket
import time
from dataclasses import dataclass
from ipaddress import ip_address

from hilum.errors import ServiceError
from hilum.service.reading.way import Way
from hilum.service.settings import Settings

LOOPBACK = ("127.0.0.1", "::1", "localhost")

_PORT_S = 3.0
"""Processes of a server that was killed may hold a port for so long."""


@dataclass(frozen=True, slots=True)
class Addresses:
    """Where a server answers.

    Attributes:
        page: address of the worklist.
        dicom: ``AE title at host:port``; empty where it does not listen.
    """

    page: str
    dicom: str


def check(settings: Settings) -> list[str]:
    """What is wrong with settings, sentence by sentence; empty where they may be used."""
    web, dicom = settings.web, settings.dicom
    wrong: list[str] = []
    if web.host not in LOOPBACK and web.tls is None and not web.proxies:
        wrong.append(
            f"The page would answer at {web.host} without encryption: give web.tls, or name the "
            f"proxy that adds it in web.proxies, or stay on 127.0.0.1."
        )
    if web.user_header and not web.proxies:
        wrong.append(
            "web.user_header lets a proxy say who asks, and no web.proxies are named: anyone "
            "could be anybody."
        )
    if dicom.on and dicom.host not in LOOPBACK and not dicom.allowed:
        wrong.append(
            f"DICOM would listen at {dicom.host} with no AE title allowed: list those that may "
            f"send in dicom.allowed, or stay on 127.0.0.1."
        )
    if settings.reading.cascade and "bundle" in settings.reading.model_fields_set:
        wrong.append("Both reading.bundle and reading.cascade are given: name one.")
    names = [place.name for place in (*settings.places, *settings.webhooks)]
    wrong.extend(
        f"Two places or webhooks are called {name}: names must differ."
        for name in sorted({name for name in names if names.count(name) > 1})
    )
    keys = [("web", web.tls), ("dicom", dicom.tls)]
    keys += [(f"place {place.name}", place.tls) for place in settings.places]
    for where, tls in keys:
        files = [] if tls is None else [tls.certificate, tls.key, *filter(None, [tls.authority])]
        wrong.extend(
            f"{where}.tls: {file} cannot be found." for file in files if not file.is_file()
        )
    return wrong


def checked(settings: Settings) -> Settings:
    """Settings that a server may start with: ports are free, and 0 has become one.

    Raises:
        ServiceError: they may not be used; the message says all that is wrong.
        BundleError: the bundle or cascade is none.
    """
    if wrong := check(settings):
        raise ServiceError(" ".join(wrong))
    load_reader(settings)
    web = settings.web.model_copy(
        update={"port": free_port(settings.web.host, settings.web.port, "web.port", "--port")}
    )
    dicom = settings.dicom
    if dicom.on:
        port = free_port(dicom.host, dicom.port, "dicom.port", "--dicom-port")
        dicom = dicom.model_copy(update={"port": port})
    return settings.model_copy(update={"web": web, "dicom": dicom})


def load_reader(settings: Settings) -> str:
    """Verify what reads, with all its options.

    Returns:
        Name and version of the bundle or cascade.

    Raises:
        BundleError: there is none of that name, a file of it was changed, or it reads nothing.
        CascadeError: the cascade is wrong.
        UnknownName: no such runtime, or a prevalence for a finding that is not read.
        RunError: a prevalence that is out of range.
        MissingExtra: the runtime is not installed.
    """
    return Way.of(settings.reading).bundle


def free_port(host: str, port: int, setting: str, option: str) -> int:
    """A port that this process could listen at.

    Args:
        host: address to listen at.
        port: 0 for any.
        setting: how the settings call it.
        option: how the command line calls it.

    Raises:
        ServiceError: another program has it, or it may not be used.
    """
    until = time.monotonic() + _PORT_S
    while True:
        try:
            kind, _, _, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
            with socket.socket(kind, socket.SOCK_STREAM) as trial:
                trial.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                trial.bind(address)
                return trial.getsockname()[1]
        except OSError as error:
            if time.monotonic() < until and port:
                time.sleep(0.1)
                continue
            raise ServiceError(
                f"The server cannot listen at {host} port {port}: {error.strerror}. Choose another "
                f"port ({option} or {setting}; 0 takes any free one), or end the program that has "
                f"it."
            ) from None


def addresses(settings: Settings) -> Addresses:
    """Where a server with these settings answers."""
    web, dicom = settings.web, settings.dicom
    host = f"[{web.host}]" if ":" in web.host else web.host
    page = f"{'https' if web.tls else 'http'}://{host}:{web.port}/"
    return Addresses(page, f"{dicom.ae_title} at {dicom.host}:{dicom.port}" if dicom.on else "")


def answers(settings: Settings) -> bool:
    """Whether all of the server's ports take connections."""
    listening = [(settings.web.host, settings.web.port)]
    if settings.dicom.on:
        listening.append((settings.dicom.host, settings.dicom.port))
    for host, port in listening:
        try:
            socket.create_connection((reachable(host), port), timeout=1).close()
        except OSError:
            return False
    return True


def reachable(host: str) -> str:
    """An address to ask oneself at."""
    try:
        address = ip_address(host)
    except ValueError:
        return host
    if not address.is_unspecified:
        return host
    return "127.0.0.1" if address.version == 4 else "::1"
