"""A reading in a notebook: whole, escaped, without scripts."""

from hilum.domain import Note
from hilum.report.notebook import reading_html


def test_the_block_says_what_was_found(make):
    block = reading_html(make.reading())
    assert block.count("data:image/jpeg;base64,") == 2  # the radiograph and its heatmap
    assert "Pleural effusion" in block
    assert "90.0 %" in block
    assert "2 more findings" in block
    assert "uncalibrated" in block  # hernia
    assert "no diagnosis" in block
    assert "<script" not in block


def test_nothing_present_is_said(make):
    block = reading_html(make.reading(probabilities=(0.01, 0.01, 0.01)))
    assert "No finding above its operating point." in block


def test_texts_are_escaped(make):
    note = Note("rotated", "<img src=x onerror=alert(1)>")
    block = reading_html(make.reading("<script>alert(1)</script>.png", notes=(note,)))
    assert "<script" not in block
    assert "<img src=x" not in block
    assert "&lt;img src=x onerror=alert(1)&gt;" in block


def test_bars_are_drawn_without_a_picture(make):
    block = reading_html(make.reading(with_picture=False))
    assert "<img" not in block
    assert "Pleural effusion" in block
