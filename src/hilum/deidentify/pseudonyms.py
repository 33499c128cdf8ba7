"""A secret and a value → what stands in its place: the same for the same, and no way back."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Mapping

LONGEST_SHIFT_DAYS = 3652
"""Dates move back by 1 to so many days: up to ten years."""

NAME_DIGITS = 16


def _digest(secret: bytes, kind: str, value: bytes) -> bytes:
    return hmac.new(secret, kind.encode("ascii") + b"\x00" + value, hashlib.sha256).digest()


def uid(secret: bytes, old: str) -> str:
    """A UID under 2.25, the arc of UUIDs (PS3.5 B.2), in place of another.

    Args:
        secret: the secret.
        old: what stood there; need not be a valid UID.
    """
    digest = bytearray(_digest(secret, "uid", old.strip(" \x00").encode())[:16])
    digest[6], digest[8] = digest[6] & 0x0F | 0x80, digest[8] & 0x3F | 0x80  # RFC 9562 version 8
    return f"2.25.{int.from_bytes(digest, 'big')}"


def patient(secret: bytes, identity: Mapping[str, str]) -> str:
    """What a patient is called: "P" and 16 digits of base 16.

    Args:
        secret: the secret.
        identity: what tells patients apart, by keyword.
    """
    return "P" + _digest(secret, "patient", _joined(identity)).hex()[:NAME_DIGITS].upper()


def days(secret: bytes, identity: Mapping[str, str]) -> int:
    """By how many days a patient's dates are shifted: −3,652 to −1."""
    number = int.from_bytes(_digest(secret, "days", _joined(identity))[:8], "big")
    return -1 - number % LONGEST_SHIFT_DAYS


def name(secret: bytes, data: bytes) -> str:
    """What a file is called: 16 digits that only the holder of the secret comes to from it."""
    return _digest(secret, "file", hashlib.sha256(data).digest()).hex()[:NAME_DIGITS]


def key(secret: bytes, text: str) -> str:
    """What stands for a source in a journal."""
    return _digest(secret, "source", text.encode("utf-8", "surrogateescape")).hex()[:32]


def check(secret: bytes) -> str:
    """Tells one secret from another, and nothing else of it."""
    return _digest(secret, "check", b"").hex()[:NAME_DIGITS]


def _joined(identity: Mapping[str, str]) -> bytes:
    return "\x00".join(f"{k}={v}" for k, v in sorted(identity.items())).encode()
