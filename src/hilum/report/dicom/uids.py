"""UIDs that are the same whenever the same object is made."""

from __future__ import annotations

import hashlib

IMPLEMENTATION = "2.25.195418720354811467402158793216841365"
"""Of this software in file meta information (PS3.7 D.3.3.2); the same as in drawn files."""


def derived_uid(source_uid: str, kind: str, digest: str, key: str) -> str:
    """A UID under 2.25, the arc of UUIDs, from what an object is made of.

    Args:
        source_uid: SOP Instance UID of the radiograph.
        kind: what is made: "sr", "sr series".
        digest: of the bundle.
        key: of the reading.

    Returns:
        At most 44 characters. The number is the first 128 bits of a SHA-256, with the six bits set
        that mark a UUID of version 8.

    Source:
        PS3.5 B.2; RFC 9562, 5.8.

    Example:
        >>> derived_uid("1.2.3", "sr", "ab" * 32, "")
        '2.25.132266245606766728409126579188191973212'
    """
    text = "\0".join(("hilum", source_uid, kind, digest, key))
    digits = bytearray(hashlib.sha256(text.encode("utf-8", "surrogatepass")).digest()[:16])
    digits[6], digits[8] = digits[6] & 0x0F | 0x80, digits[8] & 0x3F | 0x80
    return f"2.25.{int.from_bytes(digits, 'big')}"
