"""Tokens: what a person or program shows to be let in. Only their digests are kept."""

from __future__ import annotations

import hashlib
import secrets
import time
from dataclasses import dataclass

from sqlalchemy import or_, select
from sqlalchemy.orm import Session

from hilum.errors import ServiceError
from hilum.service.settings import Role
from hilum.service.store import Store
from hilum.service.store.tables import Token
from hilum.service.web.people import ORDER

PREFIX = "hilum_"
"""Of every token, so that programs that look for leaked secrets know them."""

_LONGEST = 200


@dataclass(frozen=True, slots=True)
class TokenFacts:
    """A token as it is listed.

    Attributes:
        id: of its row.
        until: when it ends by itself, seconds since 1970; None for never.
        ended_at: when it was ended; None while it was not.
    """

    id: str
    name: str
    role: str
    made_at: float
    until: float | None
    ended_at: float | None

    def lives(self, now: float) -> bool:
        """Whether it opens the door at a time."""
        return self.ended_at is None and (self.until is None or now < self.until)


def make_token(store: Store, name: str, role: Role, *, days: float | None = None) -> str:
    """Make a token.

    Args:
        store: the database.
        name: of the person or program, at most 100 characters; it stands in the audit log, so no
            two that live share one.
        role: what it may do; see :mod:`hilum.service.web.people`.
        days: how long it lives; None for ever.

    Returns:
        The token. It is shown this once: nobody can find it again.

    Raises:
        ServiceError: the name, the role or the days cannot be; or the name has a living token.
    """
    name = name.strip()
    if not 0 < len(name) <= 100 or not name.isprintable():
        raise ServiceError("A token's name has 1 to 100 printable characters.")
    if role not in ORDER:
        raise ServiceError(f"{role!r} is no role; there are {', '.join(ORDER)}.")
    if days is not None and not 0 < days <= 36_500:
        raise ServiceError("Days are more than 0 and at most 36,500; leave them out for ever.")
    text, now = PREFIX + secrets.token_urlsafe(32), time.time()
    with store.writing() as session:
        if session.scalar(select(Token.id).where(Token.name == name, _living(now))):
            raise ServiceError(
                f"There is a token named {name!r}; end it first, or take a new name."
            )
        session.add(
            Token(
                name=name, role=role, digest=digest_of(text), made_at=now,
                until=None if days is None else now + days * 86_400,
            )
        )  # fmt: skip
    return text


def first_admin(store: Store) -> str | None:
    """A token for the administrator of a new server; None where there ever was a token."""
    with store.reading() as session:
        if session.scalar(select(Token.id).limit(1)):
            return None
    return make_token(store, "admin", "admin")


def list_tokens(store: Store) -> list[TokenFacts]:
    """All tokens, ended ones too, the newest first."""
    with store.reading() as session:
        rows = session.scalars(select(Token).order_by(Token.made_at.desc())).all()
    return [
        TokenFacts(row.id, row.name, row.role, row.made_at, row.until, row.ended_at) for row in rows
    ]


def end_token(store: Store, which: str) -> str:
    """End a token, and the sign-ins that were made with it.

    Args:
        store: the database.
        which: its id, or its name.

    Returns:
        Its name.

    Raises:
        ServiceError: no living token is called so.
    """
    now = time.time()
    with store.writing() as session:
        row = session.scalar(
            select(Token).where(or_(Token.id == which, Token.name == which), _living(now))
        )
        if row is None:
            raise ServiceError("There is no living token of that name.")
        row.ended_at = now
        return row.name


def living_token(session: Session, text: str) -> Token | None:
    """The row of a token that lives; None where there is none."""
    if not text.startswith(PREFIX) or len(text) > _LONGEST:
        return None
    return session.scalar(
        select(Token).where(Token.digest == digest_of(text), _living(time.time()))
    )


def digest_of(secret: str) -> str:
    """SHA-256 of a secret of 256 random bits: no salt is needed, and none can be guessed."""
    return hashlib.sha256(secret.encode("utf-8", "surrogateescape")).hexdigest()


def _living(now: float):  # noqa: ANN202  a clause of SQLAlchemy
    return Token.ended_at.is_(None) & or_(Token.until.is_(None), Token.until > now)
