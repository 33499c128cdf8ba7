"""The benchmark of `convert` from end to end on small files; never how fast anything is."""

from __future__ import annotations

import pytest

from benchmarks.convert import run
from benchmarks.options import Options


@pytest.mark.slow
def test_all_sides_convert_and_memory_is_told(tmp_path):
    pytest.importorskip("gdcm", reason="needs gdcm: pip install 'hilum[bench]'")
    pytest.importorskip("PIL", reason="needs Pillow: pip install 'hilum[reduced]'")
    section = run(Options(tmp_path, repeat=1, size=(300, 250), converted=(5, 10)))
    assert [row[0] for row in section.tables[0].rows][:2] == ["Hilum", "usual chain"]
    assert [row[0] for row in section.tables[1].rows] == ["5", "10"]
    assert len(section.marks) == 3
