"""Settings of the server: one TOML file, checked as a whole before anything starts."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    ValidationError,
    field_validator,
    model_validator,
)

from hilum.errors import ServiceError

AeTitle = Annotated[str, Field(min_length=1, max_length=16, pattern=r"^[ -\[\]-~]+$")]
"""PS3.5 6.2, VR AE: printable, no backslash, 16 characters at most."""

_NO_KEY = "there is no such key; deploy/hilum.toml and docs/operating.md name all"

FOLDER = Path("~", ".hilum", "server")
"""Where a server keeps its files where nothing else is said."""

Port = Annotated[int, Field(ge=0, le=65535)]
Result = Literal["sr", "gsps", "seg", "sc"]
"""What is sent of a reading: structured report, presentation state, segmentation, secondary
capture."""

Role = Literal["send", "view", "read", "admin"]


class _Table(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Tls(_Table):
    """Files of TLS, PEM.

    Attributes:
        certificate: of this side.
        key: its private key.
        authority: certificates that the other side's must come from; empty: those of the system.
        both: ask the other side for a certificate too (DICOM, PS3.15 B).
    """

    certificate: Path
    key: Path
    authority: Path | None = None
    both: bool = False


class Web(_Table):
    """The page and the API.

    Attributes:
        host: address to listen at; anything but loopback needs TLS or a named proxy.
        port: 0 for any free one.
        tls: files of TLS; None for plain HTTP.
        hosts: names under which the page is asked for (Host header); loopback names always are.
        proxies: addresses of reverse proxies whose headers are believed.
        user_header: header in which a proxy that signs users in (OIDC) names the user.
        roles_header: header in which it names groups.
        groups: group → role.
        session_hours: how long a sign-in lasts.
        title: heading of the page; the name of the ward, say.
    """

    host: str = "127.0.0.1"
    port: Port = 8080
    tls: Tls | None = None
    hosts: tuple[str, ...] = ()
    proxies: tuple[str, ...] = ()
    user_header: str = ""
    roles_header: str = ""
    groups: dict[str, Role] = Field(default_factory=dict)
    session_hours: float = Field(default=12, gt=0)
    title: str = ""


class Dicom(_Table):
    """The DICOM listener.

    Attributes:
        on: whether it listens.
        ae_title: of this server.
        host: address to listen at.
        port: 0 for any free one.
        allowed: AE titles that may send; empty on loopback means all, elsewhere none.
        associations: at most so many at once.
        idle_s: an association that is silent for so long is ended.
        tls: files of TLS.
    """

    on: bool = True
    ae_title: AeTitle = "HILUM"
    host: str = "127.0.0.1"
    port: Port = 11112
    allowed: tuple[AeTitle, ...] = ()
    associations: int = Field(default=16, ge=1, le=512)
    idle_s: float = Field(default=60, gt=0)
    tls: Tls | None = None


class Reading(_Table):
    """What reads.

    Attributes:
        bundle: name, folder or file; one of bundle and cascade.
        cascade: a chain of bundles instead.
        boxes: draw boxes where the bundle can.
        workers: radiographs at a time; 0 for the processors less one, at least one.
        runtime: see :data:`hilum.runtime.RUNTIMES`.
        prevalence: finding → share where these radiographs come from.
        quiet_s: a study is complete when nothing came for so long.
        tries: a radiograph that ended its reader so often is laid aside.
    """

    bundle: str = "chest14"
    cascade: str = ""
    boxes: bool = True
    workers: int = Field(default=0, ge=0)
    runtime: str = "onnxruntime"
    prevalence: dict[str, float] = Field(default_factory=dict)
    quiet_s: float = Field(default=10, ge=0)
    tries: int = Field(default=3, ge=1)


class Limits(_Table):
    """What one sender may ask.

    Attributes:
        upload_mb: largest body of a request, and largest object over DICOM.
        files: at most so many files in an archive.
        waiting: radiographs that may wait to be read; beyond it senders are told to come later.
        free_mb: nothing is accepted with less room on the disk.
        requests_a_minute: an address or token, each.
        body_s: a body must have come within so long.
    """

    upload_mb: float = Field(default=256, gt=0)
    files: int = Field(default=1000, ge=1)
    waiting: int = Field(default=10_000, ge=1)
    free_mb: float = Field(default=512, ge=0)
    requests_a_minute: int = Field(default=600, ge=1)
    body_s: float = Field(default=120, gt=0)


class Keeping(_Table):
    """How long things are kept; 0 is for ever.

    Attributes:
        studies_days: studies with pictures and readings, since something last came of them.
        audit_days: who saw what.
        jobs_days: uploads and pulls, and the list of what was turned away.
    """

    studies_days: float = Field(default=0, ge=0)
    audit_days: float = Field(default=0, ge=0)
    jobs_days: float = Field(default=90, ge=0)


class Place(_Table):
    """Another DICOM system: results are sent to it, studies pulled from it.

    Attributes:
        name: how it is called here.
        ae_title, host, port: of its DICOM listener (DIMSE).
        url: of its DICOMweb root, instead.
        header: an HTTP header for DICOMweb, "Authorization: Bearer …".
        send: results that go there; the radiographs' own results only.
        tls: for DIMSE.
    """

    name: str = Field(pattern=r"^[a-z0-9][a-z0-9-]{0,30}$")
    ae_title: AeTitle | None = None
    host: str = ""
    port: Port = 104
    url: str = ""
    header: str = Field(default="", repr=False)
    send: tuple[Result, ...] = ()
    tls: Tls | None = None

    @model_validator(mode="after")
    def _one_way(self) -> Self:
        if bool(self.url) == bool(self.ae_title):
            raise ValueError("give ae_title, host and port (DIMSE), or url (DICOMweb)")
        if self.ae_title and not self.host:
            raise ValueError("ae_title needs host")
        return self


class Webhook(_Table):
    """A program that is told.

    Attributes:
        name: how it is called here.
        url: where events are posted.
        secret: what they are signed with (HMAC-SHA256).
        events: which; see :data:`hilum.service.store.tables.EVENTS`.
    """

    name: str = Field(pattern=r"^[a-z0-9][a-z0-9-]{0,30}$")
    url: str
    secret: str = Field(min_length=16, repr=False)
    events: tuple[Literal["reading", "study"], ...] = ("reading", "study")


class Settings(_Table):
    """All settings.

    Attributes:
        folder: where files, and the database without ``database``, are kept.
        database: ``postgresql://user@host/name``; empty: SQLite in the folder.
        log: lines of text, or JSON objects, a line each.
    """

    folder: Path = Field(default=FOLDER, validate_default=True)
    database: str = Field(default="", repr=False)
    log: Literal["text", "json"] = "text"
    web: Web = Web()
    dicom: Dicom = Dicom()
    reading: Reading = Reading()
    limits: Limits = Limits()
    keeping: Keeping = Keeping()
    places: tuple[Place, ...] = ()
    webhooks: tuple[Webhook, ...] = ()

    @property
    def sqlite(self) -> Path | None:
        """The file of the database; None for PostgreSQL."""
        return None if self.database else self.folder / "hilum.sqlite"

    @field_validator("folder")
    @classmethod
    def _absolute(cls, folder: Path) -> Path:
        try:
            return folder.expanduser().absolute()
        except RuntimeError:
            raise ValueError("there is no home folder here: name one for the server") from None

    @field_validator("database")
    @classmethod
    def _postgres(cls, database: str) -> str:
        if database and not database.startswith(("postgresql://", "postgres://")):
            raise ValueError("should be postgresql://user@host/name, or be left out for SQLite")
        return database


def read_settings(path: Path | None, **given: object) -> Settings:
    """Settings of a file, with what was given on the command line over them.

    Args:
        path: a TOML file; None for the defaults.
        given: ``folder="…"`` or ``"web.port"=8080``; None is left out.

    Raises:
        ServiceError: the file cannot be read or is wrong; the message lists all that is.
    """
    table: dict[str, object] = {}
    if path is not None:
        try:
            table = tomllib.loads(path.read_text("utf-8"))
        except OSError as error:
            raise ServiceError(f"{path} cannot be read: {error.strerror}.") from None
        except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
            raise ServiceError(f"{path} is no TOML file: {error}") from None
    for name, value in given.items():
        if value is not None:
            _put(table, name.split("."), value)
    try:
        return Settings.model_validate(table)
    except ValidationError as error:
        where = path or "the settings"
        wrong = [
            f"{'.'.join(str(part) for part in one['loc']) or 'file'}: "
            + (_NO_KEY if one["type"] == "extra_forbidden" else one["msg"])
            for one in error.errors(include_input=False, include_url=False)
        ]
        raise ServiceError(f"{where}: " + "; ".join(wrong)) from None


def _put(table: dict[str, object], keys: list[str], value: object) -> None:
    *parents, last = keys
    for key in parents:
        inner = table.setdefault(key, {})
        if not isinstance(inner, dict):
            raise ServiceError(f"{key} should be a table.")
        table = inner
    table[last] = value
