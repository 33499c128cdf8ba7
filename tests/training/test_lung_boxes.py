from pathlib import Path

import cv2
import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="needs torch: pip install 'hilum[train]'")

from hilum.datasets.pack import Pack, PackSpec  # noqa: E402
from hilum.datasets.pack.packing import Packing  # noqa: E402
from hilum.domain import LabelTable  # noqa: E402
from hilum.domain.text import text  # noqa: E402
from hilum.phantoms import draw_chest  # noqa: E402
from hilum.training.lung_boxes import lung_boxes  # noqa: E402

pytestmark = pytest.mark.train


def test_boxes_lie_on_the_drawn_lungs_of_a_squashed_picture(tmp_path: Path) -> None:
    chest = draw_chest(np.random.default_rng(4), size=(600, 480))
    files = tmp_path / "files"
    files.mkdir()
    cv2.imwrite(str(files / "chest.png"), (255 * chest.pixels).astype(np.uint8))
    cv2.imwrite(str(files / "grey.png"), np.full((600, 480), 90, np.uint8))
    names = text(["chest.png", "grey.png"])
    table = LabelTable(names, (), np.zeros((2, 0), np.uint8), names)
    with Packing.open(tmp_path / "pack", table, files, spec=PackSpec((320, 320), "squash")) as pack:
        for _ in pack.run(1):
            pass
        pack.finish()
    boxes, whole = lung_boxes(Pack.open(tmp_path / "pack"), tmp_path / "lungs.npz")
    lungs = chest.masks["lung_right"] | chest.masks["lung_left"]
    down, across = (np.flatnonzero(lungs.any(axis)) for axis in (1, 0))
    wanted = np.array([across[0], down[0], np.ptp(across) + 1, np.ptp(down) + 1], np.float64)
    wanted *= np.array([320 / 480, 320 / 600] * 2)
    assert np.abs(boxes[0] - wanted).max() < 0.08 * 320
    assert whole == 1  # nothing is cut out of a picture without lungs
    assert boxes[1].tolist() == [0, 0, 320, 320]
    again, _ = lung_boxes(Pack.open(tmp_path / "pack"), tmp_path / "lungs.npz")
    assert np.array_equal(boxes, again)
