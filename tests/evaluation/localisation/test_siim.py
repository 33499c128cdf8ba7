"""The six-class score of the SIIM challenge."""

import numpy as np
import pytest

from hilum.errors import EvaluationError
from hilum.evaluation.localisation import Said, siim_score

TRUTH = {
    "a_study": (Said("negative", 1.0),),
    "b_study": (Said("typical", 1.0),),
    "c_study": (Said("typical", 1.0),),
    "a1_image": (Said("none", 1.0),),
    "b1_image": (Said("opacity", 1.0, (10, 10, 50, 50)), Said("opacity", 1.0, (60, 10, 90, 50))),
    "c1_image": (Said("none", 1.0),),
}


def test_what_is_right_scores_one():
    score = siim_score(TRUTH, TRUTH)
    assert score.mean.value == 1
    assert {k for k, m in score.each.items() if m.value is None} == {"indeterminate", "atypical"}
    assert "indeterminate" in score.mean.reason
    assert score.missing == 0


def test_by_hand():
    said = {
        "a_study": (Said("negative", 0.6), Said("typical", 0.4)),
        "b_study": (Said("negative", 0.7), Said("typical", 0.3)),
        "c_study": (Said("typical", 0.9),),
        "a1_image": (Said("none", 0.9),),
        "b1_image": (
            Said("none", 0.1), Said("opacity", 0.8, (10, 10, 50, 46)),
            Said("opacity", 0.7, (12, 10, 50, 50)), Said("opacity", 0.6, (60, 10, 90, 25)),
        ),
        "c1_image": (Said("opacity", 0.9, (0, 0, 9, 9)),),
    }  # fmt: skip
    each = {k: m.value for k, m in siim_score(TRUTH, said).each.items()}
    assert each["negative"] == pytest.approx(1 / 2)  # the wrong study is surer
    assert each["typical"] == pytest.approx(0.5 * 1 + 0.5 * (2 / 3))
    assert each["none"] == pytest.approx(0.5)  # of two, one was said, and surest
    # Falling: false on c1, right on b1, a second one on the same box, overlap of 3/8 alone.
    assert each["opacity"] == pytest.approx(0.5 * 0.5)


def test_intervals_draw_patients_with_their_studies_and_images():
    rng = np.random.default_rng(0)
    truth, said, patients = {}, {}, {}
    for i in range(40):
        kind = "negative" if i % 2 else "typical"
        truth[f"{i}_study"] = (Said(kind, 1.0),)
        said[f"{i}_study"] = (Said("negative", rng.random()), Said("typical", rng.random()))
        truth[f"{i}_image"] = (Said("none", 1.0),)
        said[f"{i}_image"] = (Said("none", rng.random()),)
        patients |= {f"{i}_study": str(i // 2), f"{i}_image": str(i // 2)}
    score = siim_score(truth, said, rng=rng, patients=patients, samples=100)
    assert score.mean.low < score.mean.value < score.mean.high
    assert score.each["none"].value == 1


@pytest.mark.parametrize(
    ("said", "message"),
    [
        ({"z_study": (Said("typical", 1.0),)}, "1 ids have no reference: 'z_study'"),
        ({"a_study": (Said("none", 1.0),)}, "labels do not belong to their ids"),
        ({"a1_image": (Said("typical", 1.0),)}, "the first of a1_image"),
    ],
)
def test_what_cannot_be_scored(said, message):
    with pytest.raises(EvaluationError, match=message):
        siim_score(TRUTH, said)
    with pytest.raises(EvaluationError, match="neither _study nor _image"):
        siim_score({"a": ()}, {})
