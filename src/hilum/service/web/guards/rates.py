"""How often one address or one token may ask."""

from __future__ import annotations

import math
import time
from collections import OrderedDict
from ipaddress import IPv6Address, ip_address
from threading import Lock

from fastapi import Request
from starlette.types import ASGIApp, Receive, Scope, Send

from hilum.service.process import Here
from hilum.service.web.guards.problems import problem
from hilum.service.web.tokens import digest_of

_MOST_KEPT = 10_000
_FREE = ("/static/", "/healthz", "/readyz")


class Buckets:
    """So many requests a minute for each of many keys: a burst of a minute's, then evenly.

    Args:
        a_minute: requests.
    """

    def __init__(self, a_minute: int) -> None:
        self._a_minute = a_minute
        self._left: OrderedDict[str, tuple[float, float]] = OrderedDict()
        self._lock = Lock()

    def take(self, key: str) -> float:
        """Take one; 0 where it may go on, else after how many seconds it may."""
        now = time.monotonic()
        with self._lock:
            left, at = self._left.pop(key, (float(self._a_minute), now))
            left = min(self._a_minute, left + (now - at) * self._a_minute / 60)
            enough = left >= 1
            self._left[key] = (left - enough, now)
            if len(self._left) > _MOST_KEPT:
                self._left.popitem(last=False)
        return 0.0 if enough else (1 - left) * 60 / self._a_minute


def rates(app: ASGIApp, here: Here) -> ASGIApp:
    """Guard: more than ``limits.requests_a_minute`` of one address, or of one token, get 429."""
    buckets = Buckets(here.settings.limits.requests_a_minute)

    async def count(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and not scope["path"].startswith(_FREE):
            request = Request(scope)
            wait = max(buckets.take(key) for key in _keys(request))
            if wait:
                answer = problem(
                    request, 429, "So many requests are not answered; come again a little later.",
                    headers={"Retry-After": str(math.ceil(wait))},
                )  # fmt: skip
                await answer(scope, receive, send)
                return
        await app(scope, receive, send)

    return count


def _keys(request: Request) -> list[str]:
    keys = [f"address {network_of(request.client.host if request.client else '')}"]
    token = request.headers.get("authorization", "")
    return [*keys, f"token {digest_of(token)}"] if token else keys


def network_of(address: str) -> str:
    """An address; of IPv6 its /64, which one sender has to itself."""
    try:
        parsed = ip_address(address)
    except ValueError:
        return address
    return str(int(parsed) >> 64) if isinstance(parsed, IPv6Address) else address
