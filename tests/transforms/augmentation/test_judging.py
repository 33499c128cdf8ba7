import pytest

from hilum.errors import RecipeError
from hilum.transforms.augmentation import (
    Add,
    CentreCrop,
    FlipLeftRight,
    FlipUpDown,
    LungCrop,
    Nothing,
    OneOf,
    RandomCrop,
    Sequential,
    SomeOf,
    Sometimes,
    concerns,
    needs_lungs,
    size_after,
    steps_of,
)

SMALL, OTHER = CentreCrop(size_px=(60, 80)), RandomCrop(size_px=(50, 50))


def test_flips_are_told():
    assert concerns(Sequential((Add(),))) == ()
    (said,) = concerns(Sometimes((FlipLeftRight(),)))
    assert "the heart comes to lie on the right" in said
    (said,) = concerns(OneOf((Sequential((FlipUpDown(),)),)))
    assert "flip-left-right may be meant" in said
    assert len(concerns(Sequential((FlipLeftRight(), FlipUpDown())))) == 2


def test_steps_and_the_need_for_lungs_are_found_however_deep():
    policy = Sequential((Add(), OneOf((Sometimes((LungCrop(),)), Nothing()))))
    assert [step.do for step in steps_of(policy)] == ["add", "lung-crop", "nothing"]
    assert needs_lungs(policy)
    assert not needs_lungs(Sequential((Add(), SMALL)))


@pytest.mark.parametrize(
    ("policy", "size"),
    [
        (Sequential((Add(),)), (100, 100)),
        (Sequential((SMALL, Add(), OTHER)), (50, 50)),
        (OneOf((SMALL, RandomCrop(size_px=(60, 80)))), (60, 80)),
        (SomeOf((Add(), RandomCrop(share=0.5)), 1), (100, 100)),
        (Sequential((Add(), SMALL)), (60, 80)),
    ],
)
def test_the_size_of_augmented_pictures(policy, size):
    assert size_after(policy, (100, 100)) == size


@pytest.mark.parametrize(
    ("policy", "why"),
    [
        (OneOf((SMALL, OTHER)), "several sizes"),
        (OneOf((SMALL, Nothing())), "several sizes"),
        (Sometimes((SMALL,)), "several sizes"),
        (SomeOf((SMALL, Add()), 1), "several sizes"),
        (Sequential((SMALL, OTHER), "random"), "several sizes"),
        (Sequential((OTHER, SMALL)), r"\[60, 80\] px does not fit in pictures of \[50, 50\]"),
    ],
)
def test_pictures_of_several_sizes_are_refused(policy, why):
    with pytest.raises(RecipeError, match=why):
        size_after(policy, (100, 100))
