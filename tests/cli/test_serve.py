"""What stands around a server: check, backup, restore, delete, tokens."""

from __future__ import annotations

import io
import re

import pytest

pytest.importorskip("sqlalchemy", reason="needs the server: pip install 'hilum[serve]'")

from hilum.service.files import Files
from hilum.service.identity import same_server
from hilum.service.settings import Settings
from hilum.service.store import Store
from hilum.service.store.migrating import head, migrate
from tests.service.rows import add_study


@pytest.fixture
def folder(tmp_path):
    """Of a server that was started once and holds a study."""
    settings = Settings(folder=tmp_path / "server")
    files, store = Files(settings.folder), Store(settings)
    files.prepare()
    migrate(settings)
    same_server(store, files)
    add_study(store, 1)
    store.close()
    return settings.folder


def study(folder):
    from sqlalchemy import select

    from hilum.service.store.tables import Study

    store = Store(Settings(folder=folder))
    with store.reading() as session:
        found = session.scalars(select(Study.id)).all()
    store.close()
    return found


def test_check_says_what_would_run(hilum, folder, tmp_path):
    done = hilum("serve", "--folder", folder, "check")
    assert done.status == 0
    assert f"Database: SQLite, revision {head()}" in done.out
    assert "DICOM:    HILUM at 127.0.0.1:11112" in done.out
    assert re.search(r"Reads by: chest14 \d", done.out)
    done = hilum("serve", "check", "--folder", tmp_path / "new")
    assert "not made yet" in done.out
    assert not (tmp_path / "new").exists()


def test_check_knows_a_folder_of_another_server(hilum, folder):
    (folder / "server.id").write_text("another")
    done = hilum("serve", "check", "--folder", folder)
    assert (done.status, "belongs to another server" in done.err) == (2, True)


def test_check_says_what_is_wrong(hilum, tmp_path):
    toml = tmp_path / "hilum.toml"
    toml.write_text('[web]\nhost = "0.0.0.0"\n')
    done = hilum("serve", "--settings", toml, "check")
    assert done.status == 2
    assert "without encryption" in done.err


def test_a_server_that_cannot_start_says_why(hilum, tmp_path):
    done = hilum("serve", "--folder", tmp_path / "s", "--bundle", "nowhere", "--port", "0")
    assert done.status == 2
    assert "nowhere" in done.err
    assert not (tmp_path / "s").exists()


def test_options_may_stand_on_either_side(hilum, folder, tmp_path):
    for i, given in enumerate(
        (
            ["--folder", folder, "backup", "OUT"],
            ["backup", "OUT", "--folder", folder],
            ["backup", f"--folder={folder}", "OUT"],
        )
    ):
        out = tmp_path / f"{i}.tar"
        done = hilum("serve", *[out if one == "OUT" else one for one in given])
        assert done.status == 0, done.err
        assert out.is_file()


def test_backup_and_restore(hilum, folder, tmp_path):
    done = hilum("serve", "backup", tmp_path / "b.tar", "--folder", folder)
    assert re.search(r"b\.tar: 3 rows, 0 radiographs, 0 readings; 1 deleted meanwhile\.", done.out)
    done = hilum("serve", "restore", tmp_path / "b.tar", "--folder", tmp_path / "other")
    assert done.status == 0
    assert study(tmp_path / "other") == study(folder)
    done = hilum("serve", "restore", tmp_path / "b.tar", "--folder", folder)
    assert (done.status, "is not empty" in done.err) == (2, True)


def test_delete_asks_first(hilum, folder, monkeypatch):
    (one,) = study(folder)
    monkeypatch.setattr("sys.stdin", io.StringIO("n\n"))
    monkeypatch.setattr("typer.prompt", lambda *_, **__: "P1")  # a terminal that hides it
    assert hilum("serve", "delete", one, "--folder", folder).status == 1
    assert study(folder) == [one]
    done = hilum("serve", "delete", "--patient", "--yes", "--folder", folder)
    assert (done.status, "1 deleted" in done.out) == (0, True)
    assert study(folder) == []
    done = hilum("serve", "delete", one, "--folder", folder)  # nothing to ask about
    assert (done.status, "None of these studies is here" in done.err) == (2, True)
    assert hilum("serve", "delete", "--folder", folder).status == 2


def test_tokens_are_made_listed_and_ended(hilum, folder):
    made = hilum("serve", "token", "make", "ward", "--role", "send", "--folder", folder)
    assert made.out.startswith("hilum_")
    assert re.search(r"^ward  send  lives  \w{32}$", hilum("serve", "token", "list",
                     "--folder", folder).out, re.MULTILINE)  # fmt: skip
    assert "ward: ended" in hilum("serve", "token", "end", "ward", "--folder", folder).out
    assert "ward  send  ended" in hilum("serve", "token", "list", "--folder", folder).out
    done = hilum("serve", "token", "make", "x", "--role", "king", "--folder", folder)
    assert (done.status, "no role" in done.err) == (2, True)


def test_migrate_brings_an_early_database_forward(hilum, tmp_path):
    settings = Settings(folder=tmp_path / "server")
    Files(settings.folder).prepare()
    migrate(settings, "0001")
    done = hilum("serve", "token", "list", "--folder", settings.folder)
    assert (done.status, "hilum serve migrate" in done.err) == (2, True)
    done = hilum("serve", "migrate", "--folder", settings.folder)
    assert f"will be brought to {head()}; now revision {head()}" in done.out


def test_no_server_yet(hilum, tmp_path):
    done = hilum("serve", "token", "list", "--folder", tmp_path / "none")
    assert (done.status, "not made yet" in done.err) == (2, True)
