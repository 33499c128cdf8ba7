"""What the benchmark of fusion makes of its times; never how fast anything is."""

from __future__ import annotations

import numpy as np

from benchmarks import fusion
from benchmarks.options import Options


def test_the_section_has_both_marks_and_a_row_a_scene(tmp_path, monkeypatch):
    monkeypatch.setattr(fusion, "BOXES", 300)
    monkeypatch.setattr(fusion, "SCENES", (fusion.USUAL, fusion.Scene("apart", 300)))
    section = fusion.run(Options(tmp_path, repeat=1))
    assert [mark.met is None for mark in section.marks] == [False, False]
    assert [row[0] for row in section.tables[0].rows] == [fusion.USUAL.name, "apart"]


def test_boxes_lie_around_their_places():
    boxes, scores, kinds, sources = fusion.draw(fusion.Scene("some", 5, kinds=3))
    assert len(boxes) == len(scores) == len(kinds) == len(sources) == 10_000
    assert (boxes[:, 2:] > boxes[:, :2]).all()
    assert len(np.unique(boxes.round(1), axis=0)) < 300
