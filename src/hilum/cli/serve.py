"""``hilum serve``: the page, the API and the DICOM listener; and what keeps them well."""

from __future__ import annotations

import sys
import time
from collections.abc import Generator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from typer.core import TyperGroup

if TYPE_CHECKING:
    from hilum.service.settings import Role, Settings
    from hilum.service.store import Store

GREETING_S = 60.0

_ANYWHERE = ("--settings", "--folder", "--database")


class _Anywhere(TyperGroup):
    """Takes the options that every sub-command needs before it and after it."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        first: list[str] = []
        rest = list(args)
        for i in range(len(rest) - 1, -1, -1):
            if rest[i] in _ANYWHERE and i + 1 < len(rest):
                first = [rest.pop(i), rest.pop(i), *first]
            elif rest[i].startswith(tuple(f"{name}=" for name in _ANYWHERE)):
                first = [rest.pop(i), *first]
        return super().parse_args(ctx, first + rest)


app = typer.Typer(
    cls=_Anywhere,
    context_settings={"help_option_names": ["-h", "--help"]},
    epilog="--settings, --folder and --database may follow a sub-command too.",
)
tokens = typer.Typer(no_args_is_help=True, help="Make, list and end tokens, which open the door.")
app.add_typer(tokens, name="token")


@app.callback(invoke_without_command=True)
def serve(
    context: typer.Context,
    *,
    settings: Annotated[
        Path | None,
        typer.Option(envvar="HILUM_SETTINGS", help="A TOML file; see docs/operating.md."),
    ] = None,
    folder: Annotated[
        Path | None,
        typer.Option(
            help="Where radiographs, readings and the database are kept.  "
            "\\[default: ~/.hilum/server]"
        ),
    ] = None,
    database: Annotated[
        str | None,
        typer.Option(
            envvar="HILUM_DATABASE",
            help="postgresql://user@host/name instead of SQLite in the folder; needs "
            "hilum\\[postgres].",
        ),
    ] = None,
    host: Annotated[str | None, typer.Option(help="Of the page.  \\[default: 127.0.0.1]")] = None,
    port: Annotated[
        int | None, typer.Option(help="Of the page; 0 for any free one.  \\[default: 8080]")
    ] = None,
    dicom_port: Annotated[
        int | None,
        typer.Option(help="Of the DICOM listener; 0 for any free one.  \\[default: 11112]"),
    ] = None,
    no_dicom: Annotated[bool, typer.Option("--no-dicom", help="Do not listen to DICOM.")] = False,
    ae_title: Annotated[
        str | None, typer.Option(help="Of the DICOM listener.  \\[default: HILUM]")
    ] = None,
    bundle: Annotated[str | None, typer.Option(help="What reads.  \\[default: chest14]")] = None,
    log: Annotated[str | None, typer.Option(help="text or json.  \\[default: text]")] = None,
) -> None:
    """Serve a page with a worklist, an API and a DICOM listener; SIGTERM or Ctrl-C ends it.

    Exit status: 0 it ended as asked; 2 it could not start.
    """
    from hilum.service.settings import read_settings

    chosen = read_settings(
        settings,
        **{
            "folder": folder and str(folder), "database": database, "web.host": host,
            "web.port": port, "dicom.port": dicom_port, "dicom.on": False if no_dicom else None,
            "dicom.ae_title": ae_title, "reading.bundle": bundle, "log": log,
        },
    )  # fmt: skip
    context.obj = chosen
    _need_the_extra()
    if context.invoked_subcommand is None:
        _run(chosen)


def _run(settings: Settings) -> None:
    from hilum.service.log import begin
    from hilum.service.starting import checked
    from hilum.service.supervisor import Server

    settings = checked(settings)
    begin("serve", settings.log)
    Server(settings).run(
        prepared=lambda store: _let_the_first_in(store, settings), tick=_Greeting(settings)
    )
    typer.echo("Ended.")


def _let_the_first_in(store: Store, settings: Settings) -> None:
    """Make the administrator's token: shown on a terminal, else in a file, not in a journal."""
    from hilum.service.files import Files
    from hilum.service.web.tokens import first_admin

    token = first_admin(store)
    if token is None:
        return
    if sys.stdout.isatty():
        typer.echo(f"Token of the administrator, shown this once:\n\n  {token}\n")
        return
    path = settings.folder / "admin.token"
    Files(settings.folder).write(path, f"{token}\n".encode("ascii"))
    typer.echo(f"Token of the administrator: in {path}; remove the file when you have it.")


class _Greeting:
    """Says once where the server answers, when it does."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._late = time.monotonic() + GREETING_S
        self._done = False

    def __call__(self) -> None:
        from hilum.service.starting import addresses, answers

        if self._done:
            return
        if answers(self._settings):
            where = addresses(self._settings)
            typer.echo(f"Page:   {where.page}")
            typer.echo(f"DICOM:  {where.dicom or 'off'}")
            typer.echo(f"Folder: {self._settings.folder}")
            typer.echo("Research software; not for diagnosis. Ctrl-C ends it.")
            sys.stdout.flush()
            self._done = True
        elif time.monotonic() > self._late:
            typer.echo("The server does not answer yet; its log above says why.", err=True)
            self._done = True


@app.command()
def check(context: typer.Context) -> None:
    """Say whether the server could start with these settings, and how.

    Exit status: 0 it could; 2 it could not, and why.
    """
    from hilum.errors import ServiceError
    from hilum.service import starting
    from hilum.service.files import Files
    from hilum.service.identity import fits
    from hilum.service.store import Store
    from hilum.service.store.migrating import head, state

    settings: Settings = context.obj
    if wrong := starting.check(settings):
        raise ServiceError(" ".join(wrong))
    if (found := state(settings)) == f"revision {head()}":
        with closing(Store(settings)) as store:
            fits(store, Files(settings.folder))
    where = starting.addresses(settings)
    typer.echo(f"Page:     {where.page}")
    typer.echo(f"DICOM:    {where.dicom or 'off'}")
    typer.echo(f"Reads by: {starting.load_reader(settings)}")
    typer.echo(f"Folder:   {settings.folder}")
    typer.echo(f"Database: {'SQLite' if settings.sqlite else 'PostgreSQL'}, {found}")


@app.command()
def migrate(context: typer.Context) -> None:
    """Make the database or bring it forward; `hilum serve` does so too when it starts."""
    from hilum.lock import held
    from hilum.service.files import Files
    from hilum.service.identity import made_ready
    from hilum.service.store.migrating import state

    settings: Settings = context.obj
    before, files = state(settings), Files(settings.folder)
    files.prepare()
    with held(settings.folder / "server.lock", settings.folder):
        made_ready(settings, files).close()
    typer.echo(f"Database: {before}; now {state(settings)}.")


@app.command()
def backup(
    context: typer.Context, out: Annotated[Path, typer.Argument(help="A new .tar file.")]
) -> None:
    """Write all that the server knows into one file, also while it runs.

    It holds patients' names and pictures: keep it as you keep the server's folder.
    """
    from hilum.service.backup import back_up

    typer.echo(f"{out}: {back_up(context.obj, out)}.")


@app.command()
def restore(
    context: typer.Context,
    tar: Annotated[Path, typer.Argument(help="What `hilum serve backup` wrote.")],
) -> None:
    """Bring a backup into an empty folder and an empty database, of either kind."""
    from hilum.service.restore import bring_back

    settings: Settings = context.obj
    typer.echo(f"{settings.folder}: {bring_back(settings, tar)}.")


@app.command()
def delete(
    context: typer.Context,
    studies: Annotated[
        list[str] | None,
        typer.Argument(help="Studies: the id that ends the address of their page."),
    ] = None,
    *,
    patient: Annotated[
        bool, typer.Option("--patient", help="Ask for a Patient ID, and delete all its studies.")
    ] = False,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask again.")] = False,
) -> None:
    """Delete studies with pictures, readings and verdicts; also while the server runs."""
    from hilum.errors import ServiceError
    from hilum.service.deleting import any_of, delete_studies, studies_of
    from hilum.service.files import Files

    if bool(studies) == patient:
        raise typer.BadParameter("give studies, or --patient")
    with _store(context) as store:
        wanted = list(studies or [])
        if patient:
            wanted = studies_of(store, typer.prompt("Patient ID", hide_input=True))
            if not wanted:
                raise ServiceError("There is no study of that Patient ID.")
        elif not any_of(store, wanted):
            raise ServiceError("None of these studies is here; the id ends the address of a page.")
        if not yes:
            many = "1 study" if len(wanted) == 1 else f"{len(wanted):,} studies"
            typer.confirm(f"Delete {many} for ever?", abort=True)
        done = delete_studies(store, Files(context.obj.folder), wanted, by="command line")
    typer.echo(f"{done:,} deleted.")
    if done < len(wanted):
        typer.echo(f"{len(wanted) - done:,} are not there.", err=True)
        raise typer.Exit(1)


@tokens.command()
def make(
    context: typer.Context,
    name: Annotated[str, typer.Argument(help="Of the person or program.")],
    *,
    role: Annotated[str, typer.Option(help="send, view, read or admin.")] = "view",
    days: Annotated[
        float | None, typer.Option(help="How long it lives.  \\[default: for ever]")
    ] = None,
) -> None:
    """Make a token; it is shown this once."""
    from hilum.service.web.tokens import make_token

    chosen: Role = role  # pyright: ignore[reportAssignmentType]  make_token checks it
    with _store(context) as store:
        typer.echo(make_token(store, name, chosen, days=days))


@tokens.command("list")
def list_(context: typer.Context) -> None:
    """List tokens: name, role, until when they live, id."""
    from hilum.service.web.tokens import list_tokens

    with _store(context) as store:
        for one in list_tokens(store):
            lives = "ended"
            if one.lives(time.time()):
                lives = "lives"
                if one.until is not None:
                    lives += time.strftime(" until %Y-%m-%d", time.localtime(one.until))
            typer.echo(f"{one.name}  {one.role}  {lives}  {one.id}")


@tokens.command()
def end(
    context: typer.Context,
    name: Annotated[str, typer.Argument(help="Name or id of a token.")],
) -> None:
    """End a token, and the sign-ins made with it."""
    from hilum.service.web.tokens import end_token

    with _store(context) as store:
        typer.echo(f"{end_token(store, name)}: ended.")


@contextmanager
def _store(context: typer.Context) -> Generator[Store]:
    """The database of a server that was started before."""
    from hilum.service.store import Store
    from hilum.service.store.migrating import must_fit

    must_fit(context.obj)
    store = Store(context.obj)
    try:
        yield store
    finally:
        store.close()


def _need_the_extra() -> None:
    from hilum.errors import MissingExtra

    try:
        import alembic as _alembic
        import fastapi as _fastapi
        import pynetdicom as _pynetdicom
        import sqlalchemy as _sqlalchemy
        import uvicorn as _uvicorn
    except ModuleNotFoundError as error:
        raise MissingExtra("The server needs more: pip install 'hilum[serve]'.") from error
    del _alembic, _fastapi, _pynetdicom, _sqlalchemy, _uvicorn
