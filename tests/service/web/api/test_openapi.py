"""The API keeps what its description says, whatever is sent."""

from __future__ import annotations

import time
from contextlib import suppress

import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis.errors import Unsatisfiable

from hilum.service.reading.process import read_waiting
from hilum.service.store.tables import Process
from hilum.service.web.app import application
from hilum.service.web.tokens import make_token

schemathesis = pytest.importorskip("schemathesis", reason="needs schemathesis")


@pytest.fixture
def described(here, drawn):
    """The description of a server's API, with a token that may do all."""
    object.__setattr__(here.settings.limits, "requests_a_minute", 1_000_000)
    object.__setattr__(here.settings.web, "hosts", ("testserver",))
    for seed in (1, 2):
        here.door.accept(drawn(seed), origin="test")
    read_waiting(here)
    with here.store.writing() as session:
        for role in ("dicom", "read", "send", "web"):
            session.add(Process(role=role, pid=1, started_at=0, heard_at=time.time() + 3600))
    app = application(here)
    token = make_token(here.store, "fuzz", "admin")
    schema = schemathesis.openapi.from_asgi("/v1/openapi.json", app)
    schema.config.headers = {"Authorization": f"Bearer {token}"}
    return schema


def check(operation, mode, examples: int, *, derandomize: bool) -> None:
    """Send what the description of an operation allows, or what it does not."""
    # few random bytes are a radiograph, and few random names those of a place
    left_out = ["positive_data_acceptance"] if operation.method == "post" else []
    left_out = [schemathesis.checks.CHECKS.get_one(name) for name in left_out]

    @given(case=operation.as_strategy(generation_mode=mode))
    @hypothesis_settings(
        max_examples=examples, deadline=None, derandomize=derandomize, database=None,
        suppress_health_check=list(HealthCheck),
    )  # fmt: skip
    def send(case):
        case.call_and_validate(excluded_checks=left_out)

    with suppress(Unsatisfiable):  # nothing can be wrong with what has no parameters
        send()


def keeps_its_word(schema, examples: int, *, derandomize: bool) -> int:
    """Send to all operations; their number."""
    operations = [one.ok() for one in schema.get_all_operations()]
    for operation in operations:
        for mode in schemathesis.GenerationMode:
            check(operation, mode, examples, derandomize=derandomize)
    return len(operations)


def test_the_api_keeps_its_word(described):
    assert keeps_its_word(described, 4, derandomize=True) >= 13


@pytest.mark.slow
def test_the_api_keeps_its_word_whatever_is_sent(described):
    assert keeps_its_word(described, 100, derandomize=False) >= 13
