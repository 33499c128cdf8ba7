"""Tables are made, brought forward with what they hold, and refused where they are not ours."""

from __future__ import annotations

from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from sqlalchemy import JSON, Float, Integer, MetaData, select, text

import hilum.service.store
from hilum.errors import ServiceError
from hilum.service.files import Files
from hilum.service.store import Store
from hilum.service.store.migrating import head, known, migrate, must_fit, state
from hilum.service.store.tables import Base, Study
from tests.service.postgres import BOTH

SQL = Path(hilum.service.store.__file__).with_name("migrations") / "versions"


@pytest.fixture
def empty(settings):
    Files(settings.folder).prepare()
    return settings


@BOTH
def test_models_and_migrations_agree(empty):
    migrate(empty)
    store = Store(empty)
    with store.engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        assert compare_metadata(context, Base.metadata) == []
    store.close()


def some(column):
    """A value that fits a column."""
    if isinstance(column.type, JSON):
        return {"probability": 0.25, "name": "胸"}
    if isinstance(column.type, Integer):
        return 1
    if isinstance(column.type, Float):
        return 1.5
    return "1" * min(4, column.type.length or 4)


@BOTH
@pytest.mark.parametrize("revision", sorted(known() - {head()}))
def test_what_an_earlier_database_holds_comes_along(empty, revision):
    migrate(empty, revision)
    assert state(empty) == f"revision {revision}, will be brought to {head()}"
    store = Store(empty)
    old, rows = MetaData(), {}
    with store.writing() as session:
        old.reflect(session.connection())
        for table in old.sorted_tables:
            if table.name != "alembic_version":
                rows[table.name] = {column.name: some(column) for column in table.columns}
                session.execute(table.insert(), rows[table.name])
    migrate(empty)
    must_fit(empty)
    with store.reading() as session:
        for name, row in rows.items():
            found = session.execute(select(Base.metadata.tables[name])).one()._mapping
            assert {key: found[key] for key in row} == row, name
        study = session.scalars(select(Study)).one()
        assert study.instances[0].readings[0].record == {"probability": 0.25, "name": "胸"}
    store.close()


@BOTH
def test_twice_is_as_once(empty):
    migrate(empty)
    migrate(empty)
    assert state(empty) == f"revision {head()}"


@BOTH
def test_a_step_that_fails_leaves_the_tables_as_they_were(empty, monkeypatch):
    migrate(empty, "0001")

    def fail(*_, **__):
        raise RuntimeError("no")

    monkeypatch.setattr("alembic.op.create_index", fail)  # after the first table of the step
    with pytest.raises(RuntimeError, match="no"):
        migrate(empty)
    monkeypatch.undo()
    assert state(empty).startswith("revision 0001,")
    migrate(empty)
    must_fit(empty)


@BOTH
def test_a_later_database_is_refused(empty):
    migrate(empty)
    store = Store(empty)
    with store.engine.begin() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    store.close()
    for work in (migrate, state, must_fit):
        with pytest.raises(ServiceError, match=r"later Hilum \(revision 9999; this one knows"):
            work(empty)


@BOTH
def test_the_database_of_another_program_is_refused(empty):
    store = Store(empty)
    with store.engine.begin() as connection:
        connection.execute(text("CREATE TABLE orders (id INTEGER)"))
    store.close()
    with pytest.raises(ServiceError, match=r"1 tables of something else \(orders\)"):
        migrate(empty)


def test_no_database_yet(settings):
    assert state(settings) == "not made yet"
    with pytest.raises(ServiceError, match="start `hilum serve`"):
        must_fit(settings)
    assert not settings.folder.exists()


def test_a_database_that_is_none(empty):
    empty.sqlite.write_bytes(b"no database at all, " * 100)
    with pytest.raises(ServiceError, match=r"cannot be used \(DatabaseError\)"):
        migrate(empty)


def test_only_this_user_may_read_it(empty):
    migrate(empty)
    assert empty.sqlite.stat().st_mode & 0o777 == 0o600


def test_every_step_is_a_file_named_by_its_revision():
    assert {path.name.split("_")[0] for path in SQL.glob("*.py")} == known()
