import cv2
import numpy as np
import pytest

from hilum.datasets.exploration import (
    Survey,
    choose_examples,
    choose_sample,
    coded,
    find_images,
    look_at,
)
from hilum.domain.boxes import Boxes
from hilum.errors import RunError
from hilum.phantoms import draw_chest


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Three drawn chests in folders, one file that is no image."""
    out = tmp_path_factory.mktemp("images")
    for at, name in enumerate(("a/0.png", "a/1.png", "b/2.png")):
        chest = draw_chest(np.random.default_rng(at), size=(96 + at, 80))
        (out / name).parent.mkdir(exist_ok=True)
        cv2.imwrite(str(out / name), np.rint(chest.pixels * 255).astype(np.uint8))
    (out / "b" / "bad.png").write_text("no picture")
    return out


@pytest.mark.parametrize(
    ("images", "found"),
    [
        # By path where any path leads to a file: a name alone would be a guess.
        (["a/0.png", "1.png", "x/2.png", "b/bad.png"], ["a/0.png", None, None, "b/bad.png"]),
        (["0.png", "1.png", "x/2.png", "nowhere.png"], ["a/0.png", "a/1.png", "b/2.png", None]),
        (["x/1.png", "y/1.png", "x/2.png"], [None, None, "b/2.png"]),
        (["a/0.png", "./a/0.png", "a/1.png"], [None, None, "a/1.png"]),
        (["a/0.png", "../images/a/1.png", "a/../../b/2.png"], ["a/0.png", None, None]),
    ],
)
def test_files_are_found_by_path_or_all_by_name(folder, make, images, found):
    files = find_images(make({"mass": "0" * len(images)}, images=images), folder)
    names = [path and path.relative_to(folder).as_posix() for path in files.paths]
    assert names == found
    assert files.missing == found.count(None)


def test_no_row_gets_the_file_of_another(tmp_path, make):
    (tmp_path / "b").mkdir()
    (tmp_path / "b" / "1.png").touch()
    files = find_images(make({"mass": "00"}, images=["a/1.png", "b/1.png"]), tmp_path)
    assert files.paths == (None, tmp_path / "b" / "1.png")
    with pytest.raises(RunError, match="None of the 2 images"):
        find_images(make({"mass": "00"}, images=["a/1.png", "c/1.png"]), tmp_path)


def test_linked_folders_are_followed_and_end(tmp_path, folder, make):
    (tmp_path / "images").mkdir()
    (tmp_path / "images" / "linked").symlink_to(folder)
    (tmp_path / "images" / "again").symlink_to(tmp_path / "images")
    files = find_images(make({"mass": "00"}, images=["0.png", "2.png"]), tmp_path / "images")
    linked = tmp_path / "images" / "linked"
    assert files.paths == (linked / "a" / "0.png", linked / "b" / "2.png")


def test_a_name_in_two_folders_is_nobodys(tmp_path, make):
    for name in ("a/0.png", "b/0.png", "1.png"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text("")
    files = find_images(make({"mass": "00"}, images=["0.png", "1.png"]), tmp_path)
    assert files.paths == (None, tmp_path / "1.png")


@pytest.mark.parametrize("make_folder", [True, False])
def test_a_folder_without_the_images_is_refused(make_folder, tmp_path, make):
    where = tmp_path / "empty"
    if make_folder:
        where.mkdir()
    with pytest.raises(RunError, match="None of the 2 images" if make_folder else "no folder"):
        find_images(make({"mass": "00"}), where)


def test_pictures_are_measured_and_refusals_told(folder, make):
    table = make({"mass": "000"}, images=["a/0.png", "b/2.png", "b/bad.png"])
    files = find_images(table, folder)
    seen = {}
    pictures = list(look_at(files, [0, 1, 2], workers=2, also=lambda row, r: seen.update({row: r})))
    assert [(p.row, p.width_px, p.height_px) for p in pictures] == [
        (0, 80, 96),
        (1, 80, 98),
        (2, 0, 0),
    ]
    assert set(seen) == {0, 1}
    assert pictures[0].facts is not None
    assert 0 < pictures[0].mean < 1
    assert pictures[2].refused == "not-an-image"
    survey = Survey.of(pictures, files.missing)
    assert (survey.looked, survey.refused) == (2, {"not-an-image": 1})


def test_a_sample_is_drawn_from_files_that_are_there(folder, make):
    table = make({"mass": "0000"}, images=["a/0.png", "a/1.png", "none.png", "b/2.png"])
    files = find_images(table, folder)
    rng = np.random.default_rng(0)
    assert choose_sample(files, None, rng).tolist() == [0, 1, 3]
    assert choose_sample(files, 9, rng).tolist() == [0, 1, 3]
    assert len(choose_sample(files, 2, rng)) == 2
    again = [choose_sample(files, 1, np.random.default_rng(5)).tolist() for _ in range(2)]
    assert again[0] == again[1]


def test_examples_have_the_finding_a_file_and_patients_of_their_own(tmp_path, make):
    images = [f"{i}.png" for i in range(8)]
    for name in images[:7]:
        (tmp_path / name).write_text("")
    boxes = Boxes(np.array([4]), np.array(["mass"]), np.array([[0, 0, 1, 1]]), np.zeros(8, bool))
    table = make({"mass": "11111001", "edema": "00000000"}, "aabbcdef", images=images, boxes=boxes)
    patients, files = coded(table.patients), find_images(table, tmp_path)
    chosen = choose_examples(table, patients, files, 4, np.random.default_rng(0))
    assert set(chosen) == {"mass", "negative"}
    assert chosen["mass"][0] == 4  # one with a box comes first
    assert sorted(table.patients[list(chosen["mass"])].tolist()) == ["a", "b", "c"]
    assert set(chosen["negative"]) == {5, 6}
    assert choose_examples(table, patients, files, 0, np.random.default_rng(0)) == {}


def test_examples_of_nothing_are_told_from_those_of_which_nothing_is_said(tmp_path, make):
    for at in range(4):
        (tmp_path / f"{at}.png").write_text("")
    table = make({"mass": "01 ?"})
    patients, files = coded(table.patients), find_images(table, tmp_path)
    chosen = choose_examples(table, patients, files, 4, np.random.default_rng(0))
    assert chosen == {"mass": (1,), "negative": (0,), "unlabelled": (2,)}
