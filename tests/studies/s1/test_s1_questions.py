import json

import numpy as np
import pytest

from hilum.errors import RunError, Stopped
from hilum.studies.asking import markdown
from hilum.studies.linear_head import Way
from hilum.studies.running import Bench
from hilum.studies.s1 import STUDY, alone, crops, few, together
from hilum.studies.s1.rows import Fourteen, out_of_fold, within_road
from hilum.training.held_out import Fold
from hilum.training.memory import Need


def drawn(images=120, seed=0):
    """Images of two findings that features tell, two a patient, in three folds."""
    rng = np.random.default_rng(seed)
    targets = (rng.random((images, 2)) < 0.4).astype(np.float32)
    features = rng.normal(size=(images, 6)).astype(np.float32)
    features[:, :2] += 3 * targets
    patients = np.array([f"p{at // 2}" for at in range(images)], object)
    rows = np.arange(images)
    fold = rows // 2 % 3
    folds = [Fold(f"fold-{k}", rows[fold == k], rows[fold != k], rows[fold != k]) for k in range(3)]
    return Fourteen(
        None, rows, features, targets, np.ones_like(targets, bool), patients,
        rows // 2 % 2, folds, ("mass", "nodule"),
    )  # fmt: skip


def bench(tmp_path, stop=lambda: ""):
    return Bench(tmp_path, tmp_path, tmp_path / "out", stop=stop, tell=lambda _: None)


def test_the_study_is_made_of_questions():
    assert [one.name for one in STUDY.questions] == ["few", "crops", "alone", "together"]


def test_smaller_shares_of_patients_lie_inside_larger_ones():
    data = drawn()
    tenth, half, every = (few.among(data, share, 3) for share in (0.1, 0.5, 1.0))
    assert tenth.sum() == 12
    assert half.sum() == 60
    assert every.all()
    assert not (tenth & ~half).any()
    for patient in np.unique(data.patients):
        assert len(set(half[data.patients == patient].tolist())) == 1


@pytest.mark.parametrize("head", [None, Way(epochs=6, batch=16)])
def test_what_learns_finds_what_features_tell(tmp_path, head):
    data = drawn(images=600)
    measured = within_road(data, [out_of_fold(data, bench(tmp_path), head=head)])
    assert measured.value is not None
    assert measured.value > 0.85
    assert measured.low is not None


def test_nothing_is_learnt_from_labels_that_are_hidden(tmp_path):
    data = drawn()
    nobody = few.among(data, 0.1, 0)
    flipped = drawn()
    flipped.targets[~nobody] = 1 - flipped.targets[~nobody]
    one = out_of_fold(data, bench(tmp_path), among=nobody)
    two = out_of_fold(flipped, bench(tmp_path), among=nobody)
    np.testing.assert_array_equal(one, two)


def test_it_stops_when_asked(tmp_path):
    with pytest.raises(Stopped, match="the same command goes on"):
        out_of_fold(drawn(), bench(tmp_path, stop=lambda: "The time limit is reached."))


def test_the_learning_curve_is_shown():
    rows = [
        {"learner": name, "share": share, "images": [100 * share] * 2, "auroc": [0.6, 0.5, 0.7],
         "of_seeds": [0.59, 0.61], "against_all": [-0.05, -0.08, -0.02]}
        for name in few.LEARNERS for share in few.SHARES
    ]  # fmt: skip
    shown = few.show({"images": 100, "patients": 60, "seeds": [0, 1], "samples": 10, "rows": rows})
    text = markdown(shown.tables[0])
    assert "| 10% | 10 | 0.600 (0.500 to 0.700) | 0.590 to 0.610 | -0.050 (-0.080" in text
    assert shown.figures["curve"]().axes


def test_activations_grow_with_the_area(monkeypatch):
    monkeypatch.setattr(crops, "need_of", lambda name: Need(100_000_000, 200_000_000))
    rows = crops._memory("any")
    large, best, *_ = rows
    assert large["image_mb"] == pytest.approx(1600)  # 1024² is 16 times 256²
    assert large["their_gb"] == pytest.approx(3.4)
    assert large["largest"] == [2, 4, 9]
    assert best["batch"] == 4


def test_the_need_of_a_network_is_of_its_activations():
    need = crops.need_of("squeezenet1_1")
    assert 5e6 < need.image_bytes < 5e8


def test_levers_are_quoted_from_its_file(tmp_path):
    arm = {
        "auroc": 0.6, "auroc_low": 0.5, "auroc_high": 0.7, "difference": -0.01,
        "difference_low": -0.02, "difference_high": 0.0, "against": "base", "verdict": "harms",
        "survives_holm": True, "seconds": 20, "auroc_of_seeds": {"0": 0.6},
    }  # fmt: skip
    arms = [arm | {"arm": name} for name in (*alone.ARMS, alone.ALL)]
    place = tmp_path / "levers" / "levers.json"
    place.parent.mkdir()
    place.write_text(json.dumps({"images": 7, "patients": 5, "arms": arms}))
    own = Bench(tmp_path, tmp_path, tmp_path / "s1" / "alone", tell=lambda _: None)
    numbers = alone.measure(own, (0,))
    text = markdown(alone.show(numbers).tables[0])
    assert "0.600 (0.500 to 0.700) | `base` | -0.010 (-0.020 to +0.000) | harms †" in text
    place.write_text(json.dumps({"images": 7, "patients": 5, "arms": arms[1:]}))
    with pytest.raises(RunError, match="lacks the arms one-network-a-finding"):
        alone.measure(own, (0,))


def test_without_levers_it_is_said(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(RunError, match="hilum study run levers"):
        alone.found_levers(tmp_path / "s1" / "alone")


def test_pairs_of_the_whole_collection(shared, tmp_path):
    data = shared / "radiographs"
    own = Bench(data, tmp_path, tmp_path / "out", tell=lambda _: None)
    numbers = together.measure(own, (0,))
    assert numbers["sample"]["images"] == 1379
    assert numbers["whole"]["images"] == 112_120
    whole = numbers["whole"]
    at = [whole["findings"].index(key) for key in together.PAIR]
    assert whole["pair_images"] == whole["present"][at[1]] == 4667
    assert whole["pair"][0] == pytest.approx(whole["given"][at[1]][at[0]])
    shown = together.show(numbers)
    assert "| S1's sample |  | 18.3% |" in markdown(shown.tables[0])
    assert len(shown.figures["given"]().axes) == 2
