"""A backup brings back all of it, into either kind of database."""

from __future__ import annotations

import shutil
import tarfile
from hashlib import sha256

import pytest
from sqlalchemy import select

from hilum.errors import ServiceError
from hilum.service.backup import LEFT_OUT, back_up
from hilum.service.files import Files
from hilum.service.identity import same_server
from hilum.service.process import here as made_here
from hilum.service.restore import bring_back
from hilum.service.store import Store
from hilum.service.store.migrating import head, migrate, must_fit
from hilum.service.store.tables import Base, Fact, Seen
from tests.service.postgres import BOTH
from tests.service.rows import add_reading


@pytest.fixture
def full(here, drawn):
    """A server with three radiographs, one of them read."""
    same_server(here.store, here.files)
    taken = [here.door.accept(drawn(seed), origin="test:x") for seed in range(3)]
    reading = add_reading(here.store, taken[0].instance)
    here.files.write(here.files.reading(reading) / "preview.jpg", b"picture")
    here.files.write(here.files.reading(reading) / "maps" / "a.npz", b"map")
    with here.store.writing() as session:
        session.add(Seen(at=1.5, by="醫師", action="view study"))
    return here


def rows(store):
    with store.reading() as session:
        return {
            table.name: sorted(str(row) for row in session.execute(select(table)))
            for table in Base.metadata.sorted_tables
            if table.name not in LEFT_OUT
        }


def kept(folder):
    return {
        str(path.relative_to(folder)): sha256(path.read_bytes()).hexdigest()
        for kind in ("radiographs", "readings")
        for path in (folder / kind).rglob("*")
        if path.is_file()
    }


@BOTH
@pytest.mark.parametrize("to", ["sqlite", "postgresql"])
def test_everything_comes_back(full, to, tmp_path, request):
    out = tmp_path / "backup.tar"
    done = back_up(full.settings, out)
    assert (done.radiographs, done.readings, done.missing) == (3, 1, 0)
    assert out.stat().st_mode & 0o777 == 0o600
    database = ""
    if to == "postgresql":
        database = request.getfixturevalue("postgres_server").database(f"b_{id(full):x}_{to}")
    settings = full.settings.model_copy(update={"folder": tmp_path / "other", "database": database})
    assert bring_back(settings, out) == done
    there = made_here("test", settings)
    assert rows(there.store) == rows(full.store)
    assert kept(settings.folder) == kept(full.settings.folder)
    same_server(there.store, there.files)
    with there.store.writing() as session:  # numbers go on after those that were brought
        session.add(Seen(at=2.0, by="x", action="y"))
    with there.store.reading() as session:
        assert [row.id for row in session.scalars(select(Seen).order_by(Seen.at))] == [1, 2]
    there.store.close()


def test_a_backup_of_an_earlier_hilum_is_brought_forward(full, tmp_path, monkeypatch):
    out, early = tmp_path / "backup.tar", tmp_path / "early.tar"
    back_up(full.settings, out)
    with tarfile.open(out) as tar, tarfile.open(early, "w") as other:
        for member in tar:
            content = tar.extractfile(member).read()
            if member.name == "hilum.json":
                content = content.replace(f'"{head()}"'.encode(), b'"0001"')
            if member.name == "tables/facts.jsonl":
                continue  # there was none then
            member.size = len(content)
            other.addfile(member, __import__("io").BytesIO(content))
    settings = full.settings.model_copy(update={"folder": tmp_path / "other"})
    bring_back(settings, early)
    must_fit(settings)
    store = Store(settings)
    with store.reading() as session:
        assert session.get(Fact, "server") is not None
    store.close()


def test_what_was_deleted_meanwhile_is_left_out(full, tmp_path):
    shard = full.files.shards()[0]
    full.files.radiograph(full.files.radiographs(shard)[0]).unlink()
    out = tmp_path / "backup.tar"
    assert back_up(full.settings, out).missing == 1
    done = bring_back(full.settings.model_copy(update={"folder": tmp_path / "other"}), out)
    assert (done.radiographs, done.missing) == (2, 1)


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (lambda data: data[: len(data) // 2], "no backup, or damaged"),
        (lambda data: data[: len(data) - 4 * 10_240], "no backup, or damaged"),
        (lambda data: b"no tar" * 100, "no backup, or damaged"),
        (lambda data: data.replace(b"DICM", b"MCID"), "is damaged"),
        (lambda data: data.replace(b"radiographs/", b"../graphs/ra"), "no backup, or damaged"),
        (lambda data: data.replace(f'"{head()}"'.encode(), b'"9999"'), "made by another Hilum"),
    ],
)
def test_a_damaged_backup_is_refused(full, tmp_path, spoil, said):
    out = tmp_path / "backup.tar"
    back_up(full.settings, out)
    out.write_bytes(spoil(out.read_bytes()))
    settings = full.settings.model_copy(update={"folder": tmp_path / "other"})
    with pytest.raises(ServiceError, match=said):
        bring_back(settings, out)
    with pytest.raises(ServiceError, match=r"database is new|not made yet|no database"):
        must_fit(settings)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["backup.tar", "other", "server"]


def test_nothing_is_overwritten(full, tmp_path):
    out = tmp_path / "backup.tar"
    back_up(full.settings, out)
    with pytest.raises(ServiceError, match="is there already"):
        back_up(full.settings, out)
    with pytest.raises(ServiceError, match="is not empty"):
        bring_back(full.settings, out)


@pytest.mark.parametrize("settings", ["postgresql"], indirect=True)
def test_a_database_that_is_in_use_is_not_overwritten(full, tmp_path):
    out = tmp_path / "backup.tar"
    back_up(full.settings, out)
    settings = full.settings.model_copy(update={"folder": tmp_path / "other"})
    with pytest.raises(ServiceError, match="database is not empty"):
        bring_back(settings, out)


def test_folder_and_database_know_each_other(full, tmp_path):
    same_server(full.store, full.files)
    copy = tmp_path / "copy"
    shutil.copytree(full.settings.folder, copy)
    (copy / "server.id").write_text("f" * 32)
    with pytest.raises(ServiceError, match="belongs to another server"):
        same_server(full.store, Files(copy))
    (copy / "hilum.sqlite").unlink()
    settings = full.settings.model_copy(update={"folder": copy})
    migrate(settings)
    store = Store(settings)
    with pytest.raises(ServiceError, match="holds radiographs already"):
        same_server(store, Files(copy))
    store.close()


def test_a_folder_of_something_else_is_refused(tmp_path):
    (tmp_path / "holiday.jpg").write_bytes(b"x")
    with pytest.raises(ServiceError, match="holds other things already"):
        Files(tmp_path).prepare()
    (tmp_path / "file").write_bytes(b"x")
    with pytest.raises(ServiceError, match="cannot be the server's folder"):
        Files(tmp_path / "file" / "x").prepare()
