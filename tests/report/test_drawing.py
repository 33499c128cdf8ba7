import gc

import pytest

from hilum.errors import MissingExtra
from hilum.report import drawing


def test_what_draws_says_what_is_missing(monkeypatch):
    monkeypatch.setattr("hilum.report.drawing.can_draw", lambda: False)
    with pytest.raises(MissingExtra, match=r"Evaluating draws .* pip install 'hilum\[analyse\]'"):
        drawing.drawing("Evaluating").__enter__()


def test_nothing_is_left_changed():
    mpl = pytest.importorskip("matplotlib", reason="needs matplotlib")
    before, size = gc.get_threshold(), mpl.rcParams["font.size"]
    with drawing.drawing("The test"):
        assert mpl.rcParams["svg.hashsalt"] == "hilum"
    assert gc.get_threshold() == before
    assert mpl.rcParams["font.size"] == size


def test_a_figure_for_a_page_knows_its_width():
    pytest.importorskip("matplotlib", reason="needs matplotlib")
    from hilum.report.style import sheet

    with drawing.drawing("The test"):
        figure, _ = sheet(2.0, left=0.5, width=5.0)
        data = drawing.svg(figure)
        held = drawing.for_page(figure, data)
        assert (held.width_px, held.most_px) == (480, 672)
        assert held.uri.startswith("data:image/svg+xml;base64,")
        assert drawing.png(figure).startswith(b"\x89PNG")
