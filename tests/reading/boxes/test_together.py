import numpy as np
import pytest

from hilum.datasets.predicted_boxes import BoxFile
from hilum.domain.text import text
from hilum.errors import BoxError
from hilum.reading.boxes.together import Model, fuse_models


def model(name, rows, looked=None, weight=1.0):
    images, keys, scores, xywh = zip(*rows, strict=True) if rows else ((), (), (), ())
    file = BoxFile(
        name, text(images), text(keys), np.array(xywh, float).reshape(-1, 4), np.array(scores)
    )
    known = None if looked is None else {key: text(of) for key, of in looked.items()}
    return Model(file, known, weight)


A = ("a.png", "nodule", 0.8, (10, 10, 20, 20))


def test_boxes_of_two_models_are_one_at_their_weighted_mean():
    other = ("a.png", "nodule", 0.4, (13, 10, 20, 20))
    ((image, key, score, *place),) = fuse_models([model("one", [A]), model("two", [other])])
    assert (image, key) == ("a.png", "nodule")
    assert score == pytest.approx(0.6)
    assert place == pytest.approx([11, 10, 20, 20])  # (0.8 · 10 + 0.4 · 13) / 1.2


def test_a_model_that_looked_and_drew_nothing_lowers_a_score():
    silent = model("two", [], {"nodule": ["a.png"]})
    ((*_, score, _x, _y, _w, _h),) = fuse_models([model("one", [A]), silent])
    assert score == pytest.approx(0.4)


def test_a_model_that_did_not_look_at_the_image_has_no_say():
    b = ("b.png", "nodule", 0.5, (0, 0, 9, 9))
    one = model("one", [A, b])
    two = model("two", [b], {"nodule": ["b.png"]})
    rows = fuse_models([one, two])
    assert [(row[0], round(row[2], 6)) for row in rows] == [("a.png", 0.8), ("b.png", 0.5)]


def test_weights_have_their_say():
    other = ("a.png", "nodule", 0.8, (12, 10, 20, 20))
    ((*_, x, _y, _w, _h),) = fuse_models([model("one", [A], weight=3), model("two", [other])])
    assert x == pytest.approx(10.5)


@pytest.mark.parametrize(
    ("models", "message"),
    [
        ([model("one", [A])], "two models or more"),
        ([model("one", [A]), model("two", [("a.png", "mass", 0.5, (0, 0, 9, 9))])], "No finding"),
        ([model("one", [A]), model("two", [("b.png", "nodule", 0.5, (0, 0, 9, 9))])], "No image"),
        ([model("one", [A]), model("two", [("a.png", "nodule", 7.0, (0, 0, 9, 9))])], "score"),
    ],
)
def test_what_cannot_be_fused(models, message):
    with pytest.raises(BoxError, match=message):
        fuse_models(models)
