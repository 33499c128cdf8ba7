import numpy as np
import pytest

from hilum.errors import PackError
from hilum.training.segmentation.examples import Examples, pack, unpack


def examples(count=4, **changes):
    rng = np.random.default_rng(0)
    said = {
        "pictures": rng.integers(0, 255, (count, 16, 16), np.uint8),
        "masks": rng.integers(0, 4, (count, 16, 16), np.uint8),
        "name": tuple(f"n{at}" for at in range(count)),
        "source": ("drawn",) * count,
        "patient": tuple(f"p{at}" for at in range(count)),
        "part": ("train", "train", "tune", "train")[:count],
        "mask_from": ("drawn", "", "drawn", "teacher")[:count],
    }
    return Examples(**(said | changes))


def test_what_is_saved_comes_back(tmp_path):
    one = examples()
    one.save(tmp_path / "folder")
    again = Examples.load(tmp_path / "folder")
    np.testing.assert_array_equal(again.pictures, one.pictures)
    np.testing.assert_array_equal(again.masks, one.masks)
    assert (again.name, again.patient, again.part) == (one.name, one.patient, one.part)
    assert again.mask_from == one.mask_from


def test_rows_of_a_part():
    assert examples().rows("train").tolist() == [0, 3]
    assert examples().rows("train", masked=False).tolist() == [0, 1, 3]
    assert examples().rows("tune").tolist() == [2]


def test_a_patient_in_two_parts_is_refused():
    with pytest.raises(PackError, match="1 patients stand in two parts"):
        examples(patient=("p0", "p1", "p0", "p3"))


def test_what_does_not_belong_together():
    with pytest.raises(PackError, match="do not belong together"):
        examples(masks=np.zeros((3, 16, 16), np.uint8))
    with pytest.raises(PackError, match="do not belong together"):
        examples(name=("a",))


def test_no_such_folder(tmp_path):
    with pytest.raises(PackError, match=r"make it with scripts/lungs_data\.py"):
        Examples.load(tmp_path)


def test_masks_as_bits():
    masks = np.random.default_rng(0).random((3, 8, 8)) > 0.5
    np.testing.assert_array_equal(unpack(pack(masks), 3), masks)
