"""Who asks, and what they may do: a dependency of every route.

Roles contain those before them: ``send`` (bring radiographs, follow own jobs, read what became of
them), ``view`` (the worklist and studies), ``read`` (accept, correct, reject), ``admin`` (settings,
tokens, dead letters, audit log, deletion).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from fastapi import HTTPException, Request

from hilum.service.settings import Role

ORDER: tuple[Role, ...] = ("send", "view", "read", "admin")


@dataclass(frozen=True, slots=True)
class Person:
    """Who asks.

    Attributes:
        name: of the token or, behind a proxy, the user.
        role: a :data:`hilum.service.settings.Role`.
        address: of the client.
    """

    name: str
    role: Role
    address: str = ""

    def may(self, role: Role) -> bool:
        """Whether they may do what needs a role."""
        return ORDER.index(self.role) >= ORDER.index(role)


def known_role(role: str) -> Role:
    """A role as the database holds it."""
    return next(one for one in ORDER if one == role)


def needs(role: Role) -> Callable[[Request], Person]:
    """A dependency: the person who asks, who must have a role.

    Example:
        ``person: Annotated[Person, Depends(needs("view"))]``

    Raises:
        HTTPException: 401 where nobody is signed in, 403 where they may not.
    """

    def asked(request: Request) -> Person:
        person: Person | None = getattr(request.state, "person", None)
        if person is None:
            raise HTTPException(401, "Sign in, or send a token: Authorization: Bearer ….")
        if not person.may(role):
            from hilum.service.web.audit import record

            with request.app.state.here.store.writing() as session:
                record(session, person, f"needs {role}", outcome="denied")
            raise HTTPException(403, f"This needs the role {role}; you have {person.role}.")
        return person

    return asked
