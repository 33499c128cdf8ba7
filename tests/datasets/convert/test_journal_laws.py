"""Laws of the journal: its order, and where it was cut, leave no trace in the tables."""

from __future__ import annotations

import tempfile
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from hilum.datasets.convert.journal import Journal, places
from hilum.datasets.convert.tables import settle, write_tables
from hilum.datasets.convert.work import Result
from tests.datasets.convert.conftest import contents

DIGESTS = ["0" * 16, "1" * 16, "2" * 16]


def results(one_place):
    folders = st.sampled_from(["", "0001/", "0002/0003/"])
    image = st.builds(lambda f, d: f"{f}{d}.png", folders, st.sampled_from(DIGESTS))
    code = st.sampled_from(["damaged", "blurred"])

    def result(number, image, code, uid, refused):
        if refused:
            return Result(f"/s/{number}", "1 1", code=code, message=code)
        digest = image[-20:-4]
        row = {"pixels": digest if digest != DIGESTS[2] else DIGESTS[1], "notes": []}
        return Result(f"/s/{number}", "1 1", image=image, uid=uid, row=row, digest=digest)

    one = st.tuples(image, code, st.sampled_from(["", "1.2", "1.3"]), st.booleans())
    return st.lists(one, max_size=8).map(
        lambda parts: [result(number, *part) for number, part in enumerate(parts)]
    )


def tables(found, out):
    (out / "private").mkdir(parents=True)
    path = out / "private" / "journal.jsonl"
    written = Journal(path)
    for result in found:
        written.append(result)
    written.close()
    return path


@settings(max_examples=60, deadline=None)
@given(data=st.data(), one_place=st.booleans())
def test_order_and_cuts_leave_no_trace(data, one_place):
    found = data.draw(results(one_place))
    shuffled = data.draw(st.permutations(found))
    with tempfile.TemporaryDirectory() as name:
        one, other = Path(name, "one"), Path(name, "other")
        path = tables(found, one)
        write_tables(path, settle(path, one_place=one_place), one)
        path = tables(shuffled, other)
        size = path.stat().st_size
        with path.open("r+b") as file:
            file.truncate(data.draw(st.integers(0, size)))
        again = Journal(path)
        held = {place.source for place in places(path)}
        for result in shuffled:
            if result.source not in held:
                again.append(result)
        again.close()
        write_tables(path, settle(path, one_place=one_place), other)
        assert contents(one) == contents(other)
