"""Browsers that are signed in: a random cookie, of which the digest is kept."""

from __future__ import annotations

import secrets
import time

from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from hilum.service.store import Store
from hilum.service.store.tables import Session as Row
from hilum.service.store.tables import Token
from hilum.service.web.tokens import digest_of


def cookie_name(*, secure: bool) -> str:
    """Of the cookie. With TLS its prefix binds it to this host (RFC 6265bis 4.1.3)."""
    return "__Host-hilum" if secure else "hilum"


def sign_in(session: Session, token: Token, hours: float) -> str:
    """Begin a sign-in with a living token.

    Returns:
        The cookie's value.
    """
    now = time.time()
    session.execute(delete(Row).where(Row.until < now))
    cookie = secrets.token_urlsafe(32)
    session.add(
        Row(
            digest=digest_of(cookie), name=token.name, role=token.role, token_id=token.id,
            made_at=now, until=now + hours * 3600,
        )
    )  # fmt: skip
    return cookie


def sign_out(store: Store, cookie: str) -> None:
    """End a sign-in."""
    with store.writing() as session:
        session.execute(delete(Row).where(Row.digest == digest_of(cookie)))


def who_is(session: Session, cookie: str) -> Row | None:
    """The sign-in of a cookie; None where it ended, or its token did."""
    now = time.time()
    found = session.execute(
        select(Row, Token)
        .outerjoin(Token, Row.token_id == Token.id)
        .where(Row.digest == digest_of(cookie), Row.until > now)
    ).first()
    if found is None:
        return None
    row, token = found
    if token is not None and (token.ended_at is not None or (token.until or now + 1) <= now):
        return None
    return row
