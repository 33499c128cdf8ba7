"""Whose request it is behind a reverse proxy: only named proxies are believed.

From any other address ``X-Forwarded-For``, ``X-Forwarded-Proto`` and the headers that name users
and groups are taken off, so that no route can see them. Routes find ``request.state.proxied``.
"""

from __future__ import annotations

from ipaddress import IPv4Network, IPv6Network, ip_address, ip_network

from starlette.types import ASGIApp, Receive, Scope, Send

from hilum.errors import ServiceError
from hilum.service.process import Here

Networks = tuple[IPv4Network | IPv6Network, ...]


def proxies(app: ASGIApp, here: Here) -> ASGIApp:
    """Guard: sets the client's address and scheme as a named proxy tells them."""
    web = here.settings.web
    named = networks(web.proxies)
    theirs = {b"x-forwarded-for", b"x-forwarded-proto"} | {
        name.lower().encode("latin-1") for name in (web.user_header, web.roles_header) if name
    }

    async def believe(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            address, port = scope.get("client") or ("", 0)
            proxied = within(address, named)
            scope = dict(scope)
            scope["state"] = {**scope.get("state", {}), "proxied": proxied}
            if not proxied:
                scope["headers"] = [pair for pair in scope["headers"] if pair[0] not in theirs]
            else:
                headers = dict(scope["headers"])
                way = headers.get(b"x-forwarded-for", b"").decode("latin-1").split(",")
                scope["client"] = (_client(way, named) or address, port)
                scheme = headers.get(b"x-forwarded-proto", b"").decode("latin-1").strip().lower()
                scope["scheme"] = scheme if scheme in ("http", "https") else scope["scheme"]
        await app(scope, receive, send)

    return believe


def networks(named: tuple[str, ...]) -> Networks:
    """Addresses and networks of proxies.

    Raises:
        ServiceError: one is neither.
    """
    try:
        return tuple(ip_network(name) for name in named)
    except ValueError:
        raise ServiceError(
            f"web.proxies holds what is no address or network: {', '.join(named)}."
        ) from None


def _client(way: list[str], named: Networks) -> str:
    """The last address of the way that is no proxy of ours: those before it anyone can write."""
    for one in reversed([step.strip() for step in way]):
        if one and not within(one, named):
            return one if _is_address(one) else ""
    return ""


def within(address: str, named: Networks) -> bool:
    """Whether an address is one of some networks."""
    return _is_address(address) and any(ip_address(address) in network for network in named)


def _is_address(text: str) -> bool:
    try:
        ip_address(text)
    except ValueError:
        return False
    return True
