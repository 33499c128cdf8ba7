"""Looking at pictures: borders, hidden lungs, copies across a split."""

import shutil
from pathlib import Path

import cv2
import numpy as np
import pytest

from hilum.audit import Eyes, Subject, audit, find_copies, look
from hilum.audit.views import FRAME_PX, HIDDEN_GREY, SIDE_PX, border, hide, reach
from hilum.errors import RunError
from hilum.phantoms import draw_chest
from tests.audit.drawn import table_of

CHESTS = 6


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    """Six chests; "6" is the file of "0", "7" a crop of "1"; "8" is broken."""
    place = tmp_path_factory.mktemp("pictures")
    for seed in range(CHESTS):
        pixels = draw_chest(np.random.default_rng(seed), size=(320, 288)).pixels
        cv2.imwrite(str(place / f"image-{seed}.png"), np.rint(255 * pixels).astype("u1"))
    shutil.copy(place / "image-0.png", place / "image-6.png")
    one = cv2.imread(str(place / "image-1.png"), cv2.IMREAD_GRAYSCALE)
    cv2.imwrite(str(place / "image-7.png"), one[15:, 10:270])
    (place / "image-8.png").write_bytes(b"no picture")
    return place


def test_only_the_frame_is_kept():
    rng = np.random.default_rng(0)
    pixels = rng.random((320, 320), np.float32)
    seen = border(pixels)
    assert len(seen) == SIDE_PX**2 - (SIDE_PX - 2 * FRAME_PX) ** 2
    inner = pixels.copy()
    edge = 320 * FRAME_PX // SIDE_PX
    inner[edge:-edge, edge:-edge] = 0
    np.testing.assert_array_equal(border(inner), seen)
    inner[0] = 1
    assert (border(inner) != seen).any()


def test_hiding_covers_the_box_alone():
    pixels = np.zeros((100, 80), np.float32)
    out = hide(pixels, (10, 20, 30, 40))
    assert (out[20:60, 10:40] == HIDDEN_GREY).all()
    assert (out == HIDDEN_GREY).sum() == 1200
    assert not pixels.any()
    assert reach((100, 80), (20, 25, 40, 50)) == 0.0
    assert reach((100, 80), (0, 0, 80, 100)) == 1.0


def test_a_network_sees_the_picture_whole_and_without_lungs(folder):
    table = table_of({"mass": [0, 1, 0, 1, 0, 1, 0, 1, 0, 1]})

    def network(pixels):
        mean = np.array([pixels.mean()], np.float32)
        return mean, np.repeat(mean, 4)

    told = []

    def lungs(radiograph):
        rows, columns = radiograph.shape
        return None if radiograph.source.name == "image-2.png" else (0, 0, columns, rows)

    eyes = Eyes(network, "mean", ("mass",), lungs)
    looks = look(table, folder, np.arange(10), eyes, workers=2,
                 progress=lambda *step: told.append(step))  # fmt: skip
    assert looks.rows.tolist() == list(range(8))
    assert set(looks.unread) == {8, 9}
    assert looks.unread[9] == "no file"
    assert told[-1] == ("look", 10, 10)
    assert looks.lungs.tolist() == [i != 2 for i in range(8)]
    assert looks.features.shape == (8, 4)
    np.testing.assert_allclose(looks.hidden_scores[looks.lungs], HIDDEN_GREY)
    assert (looks.reach[looks.lungs] == 1.0).all()
    part = looks.within(np.array([3, 9, 0]))
    assert part.rows.tolist() == [2, 0]
    np.testing.assert_array_equal(part.scores, looks.scores[[0, 3]])
    assert part.unread == {1: "no file"}


def test_a_picture_that_the_network_cannot_judge_is_left_out(folder):
    def network(pixels):
        bad = np.nan if pixels.shape[1] == 260 else 0.5
        return np.array([bad], np.float32), None

    table = table_of({"mass": [0] * 8})
    looks = look(table, folder, np.arange(8), Eyes(network, "odd", ("mass",)))
    assert looks.unread == {7: "the network gave no finite number"}
    assert looks.features is None
    assert looks.hidden_scores is None


def test_no_picture_at_all(folder):
    with pytest.raises(RunError, match="None of the 1 pictures"):
        look(table_of({"mass": [0] * 9}), folder, [8], Eyes())


def test_copies_across_a_split_are_found(folder, options):
    table = table_of({"mass": [0] * 8}, ["p0", "p1", "p2", "p3", "p4", "p5", "p6", "p2"])
    train, test = np.arange(6), np.array([6, 7])
    copies = find_copies(table, folder, (train, test))
    assert copies.equal == ((0, 6),)
    assert {pair[:2] for pair in copies.near} == {(0, 6), (1, 7)}
    assert copies.between == 2
    found = audit(
        Subject(title="x", table=table, train=train, test=test, copies=copies), options
    )  # fmt: skip
    shared = found.line("patients-shared")
    assert (shared.outcome, shared.number.value) == ("fails", 0.5)
    assert "'image-7.png'" in shared.words
    pictures = found.line("pictures-shared")
    assert (pictures.outcome, pictures.number.value) == ("fails", 1.0)
    rows = found.tables["shared-pictures"].rows
    assert ("image-0.png", "image-6.png", "equal file") in rows
    assert any(row[:2] == ("image-1.png", "image-7.png") and "cropped" in row[2] for row in rows)
    apart = find_copies(table, folder, (np.array([2, 3]), np.array([4, 5])))
    assert (apart.equal, apart.near, apart.looked) == ((), (), 4)
    clean = audit(Subject(title="x", table=table, train=np.array([2, 3]), test=np.array([4, 5]),
                          copies=apart), options)  # fmt: skip
    assert clean.line("pictures-shared").outcome == "passes"
    assert clean.line("patients-shared").outcome == "passes"


def test_pictures_that_are_not_there_are_no_proof_of_no_copies(folder, options):
    """Test pictures without a file count nowhere; where none was compared, nothing passes."""
    table = table_of({"mass": [0] * 10}, [f"p{i}" for i in range(10)])
    train, some, none = np.array([2, 3]), np.array([4, 8, 9]), np.array([8, 9])
    copies = find_copies(table, folder, (train, some))
    assert (copies.looked, copies.tested, copies.unread) == (3, 1, 2)
    line = audit(Subject(title="x", table=table, train=train, test=some, copies=copies),
                 options).line("pictures-shared")  # fmt: skip
    assert line.outcome == "passes"
    assert "1 of them of the test part, 2 could not be read" in line.words
    copies = find_copies(table, folder, (train, none))
    line = audit(Subject(title="x", table=table, train=train, test=none, copies=copies),
                 options).line("pictures-shared")  # fmt: skip
    assert line.outcome == "not asked"
    assert "0 of the test part and 2 of training" in line.words
