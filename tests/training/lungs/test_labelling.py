"""The folder of ``lungs``: drawn, decoded, labelled by a bundle, told in a table."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

pytest.importorskip("torch", reason="needs the extra train: pip install 'hilum[train]'")

from hilum.bundles import load
from hilum.domain import LabelTable
from hilum.domain.text import text
from hilum.errors import LabelError
from hilum.imaging import encode_png
from hilum.phantoms import draw_chest, draw_hand
from hilum.training.lungs.data import (
    Example,
    decode,
    draw,
    part_of,
    read_table,
    sample,
    write_table,
)
from hilum.training.lungs.drawn import labelled
from hilum.training.lungs.labelling import label, with_drawn
from hilum.training.material import labels_and_tasks
from hilum.training.recipe import load_recipe

pytestmark = pytest.mark.train


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[Example]]:
    """Four drawn chests, and two radiographs of which one is a hand."""
    films = tmp_path_factory.mktemp("films")
    chest = draw_chest(np.random.default_rng(100), size=(220, 200)).pixels
    hand = draw_hand(np.random.default_rng(0), size=(220, 200)).pixels
    for name, pixels in (("a.png", chest), ("b.png", hand)):
        (films / name).write_bytes(encode_png(pixels))
    table = LabelTable(
        images=text(["a.png", "b.png"]),
        patients=text(["p", "q"]),
        findings=(),
        states=np.zeros((2, 0), np.uint8),
    )
    folder = tmp_path_factory.mktemp("data")
    examples = [*draw(folder, 4, 192, seed=0), *decode(folder, "ward", table, films, 192)]
    write_table(folder, examples)
    return folder, examples


def test_the_table_is_what_the_recipe_reads(place: tuple[Path, list[Example]]) -> None:
    from hilum.recipes import locate

    folder, examples = place
    assert read_table(folder) == examples
    assert [one.mask_from for one in examples] == ["drawn"] * 4 + [""] * 2
    table, tasks = labels_and_tasks(load_recipe(locate("lungs")), folder)
    assert (len(table), tasks, table.findings) == (4, (), ())
    assert "2 of 6 images have no mask" in table.notes[-1]
    mask = cv2.imread(str(folder / examples[0].mask), cv2.IMREAD_UNCHANGED)
    columns = np.arange(192)
    middle = [((mask == at).sum(0) * columns).sum() / (mask == at).sum() for at in (1, 2)]
    assert middle[0] < 96 < middle[1]  # the right lung lies on the picture's left


@pytest.mark.parametrize("teaching", [True, False])
def test_a_bundle_proposes_and_what_is_no_lung_is_not_kept(
    place: tuple[Path, list[Example]], *, teaching: bool
) -> None:
    folder, examples = place
    found = label(load("lungs"), folder, examples, teaching=teaching)
    maker = "teacher" if teaching else "network"
    assert [one.mask_from for one in found.examples] == ["drawn"] * 4 + [maker, ""]
    assert (found.kept, found.of) == ({"ward": 1}, {"ward": 2})
    assert found.why_not
    mask = cv2.imread(str(folder / found.examples[4].mask), cv2.IMREAD_UNCHANGED)
    assert mask is not None
    assert set(np.unique(mask)) == {0, 1, 2}


def test_fewer_drawn_chests_and_all_again(place: tuple[Path, list[Example]]) -> None:
    _, examples = place
    few = with_drawn(examples, 0.5)
    train = [one for one in few if one.source == "phantoms" and one.part == "train"]
    assert sum(bool(one.mask) for one in train) == round(len(train) / 2)
    assert with_drawn(few, 1.0) == tuple(examples)


def test_one_patient_in_ten_tunes() -> None:
    share = np.mean([part_of(f"patient {at}") == "tune" for at in range(2000)])
    assert 0.08 < share < 0.12


def test_the_same_seed_draws_the_same(tmp_path: Path) -> None:
    one = [*draw(tmp_path / "one", 1, 64, seed=5)]
    more = [*draw(tmp_path / "more", 2, 64, seed=5)]
    assert one[0] == more[0]
    first, second = (tmp_path / name / one[0].file for name in ("one", "more"))
    assert first.read_bytes() == second.read_bytes()


def test_a_sample_keeps_the_order() -> None:
    table = LabelTable(
        images=text([f"{at}" for at in range(9)]),
        patients=text(["p"] * 9),
        findings=(),
        states=np.zeros((9, 0), np.uint8),
    )
    few = sample(table, 3, seed=0).images.tolist()
    assert few == sorted(few)
    assert len(sample(table, 20, seed=0)) == 9


def test_where_structures_overlap_the_first_has_it() -> None:
    masks = np.array([[[True, True, False]], [[False, True, False]]])
    assert labelled(masks).tolist() == [[1, 1, 0]]


def test_a_folder_of_another_kind(tmp_path: Path) -> None:
    with pytest.raises(LabelError, match=r"lungs_data\.py"):
        read_table(tmp_path)
    (tmp_path / "labels.csv").write_text("file,other\n1.png,2\n")
    with pytest.raises(LabelError, match=r"lungs_data\.py"):
        read_table(tmp_path)
