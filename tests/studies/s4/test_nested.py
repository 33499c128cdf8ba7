import numpy as np
import pytest

pytest.importorskip("torch", reason="needs torch: pip install 'hilum[train]'")

from hilum.errors import RunError, Stopped
from hilum.studies.s4.cohort import divide, fold_of, read_cohort
from hilum.studies.s4.learning import EPOCHS, STRENGTHS, asking_head, asking_line, asking_scratch
from hilum.studies.s4.nested import RULES, Nested, decide, nest

pytestmark = pytest.mark.train


@pytest.fixture(scope="module")
def cohort(drawn):
    return read_cohort(drawn)


def test_what_is_asked_was_never_learnt_from(cohort, tmp_path):
    folds, calls = divide(cohort), []

    def ask(learn, asked, number):
        assert not set(cohort.patients[learn]) & set(cohort.patients[asked])
        calls.append(number)
        return np.full((2, len(asked)), float(number), np.float32)

    found = nest(ask, folds, len(cohort.died), tmp_path / "arm")
    assert len(calls) == len(set(calls)) == 25
    assert found.inner.shape == (5, 2, 36)
    for at, fold in enumerate(folds):
        assert np.isnan(found.inner[at][:, fold.held]).all()
        assert np.isfinite(found.inner[at][:, fold.rest]).all()
        assert (found.outer[:, fold.held] == 100 * at).all()
    nest(ask, folds, len(cohort.died), tmp_path / "arm")
    assert len(calls) == 25  # kept
    once = nest(ask, folds, len(cohort.died), tmp_path / "once", once=True)
    assert len(calls) == 30
    assert np.isfinite(once.inner[0][0]).sum() == len(folds[0].inner[0][1])


def test_scores_that_are_not_finite_are_refused(cohort, tmp_path):
    def ask(learn, asked, number):
        return np.full((1, len(asked)), np.nan, np.float32)

    with pytest.raises(RunError, match="not finite"):
        nest(ask, divide(cohort), len(cohort.died), tmp_path)


def test_it_chooses_on_inner_rows_alone(cohort):
    died, fold = cohort.died, fold_of(divide(cohort), 36)
    sign = np.where(died, 3.0, -3.0)
    # inside, the first candidate is right; outside, only the second would be
    inner = np.where(fold == np.arange(5)[:, None, None], np.nan, np.stack([sign, -sign]))
    nested = Nested(inner, np.stack([-sign, sign]))
    found = decide(nested, died, fold)
    assert found.candidates == (0,) * 5
    assert np.array_equal(found.scores, -sign)
    assert np.array_equal(found.died, ~died)
    assert decide(nested, died, fold, "last").candidates == (1,) * 5


@pytest.mark.parametrize("rule", RULES)
def test_every_rule_is_right_where_scores_tell(cohort, rule):
    died, fold = cohort.died, fold_of(divide(cohort), 36)
    scores = np.where(died, 1.0, -1.0) + np.linspace(-0.1, 0.1, 36)
    inner = np.where(fold == np.arange(5)[:, None, None], np.nan, scores)
    assert np.array_equal(decide(Nested(inner, scores[None]), died, fold, rule).died, died)


def test_micro_says_survived_where_scores_tell_nothing(cohort):
    died, fold = cohort.died, fold_of(divide(cohort), 36)
    died = died & (cohort.patients % 2 == 0)  # rarer
    inner = np.where(fold == np.arange(5)[:, None, None], np.nan, np.zeros(36))
    nested = Nested(inner, np.zeros((1, 36)))
    assert not decide(nested, died, fold, "micro").died.any()
    assert decide(nested, died, fold, "binary").died.all()


def test_heads_lines_and_networks_learn(cohort, tmp_path):
    folds, died, rng = divide(cohort), cohort.died, np.random.default_rng(0)
    pooled = rng.normal(size=(36, 16)).astype(np.float32)
    pooled[:, :4] += 3 * died[:, None]
    fold = folds[0]
    asks = {
        "head": asking_head(pooled, died, 0, lambda: ""),
        "line": asking_line(pooled.astype(float), died, lambda: ""),
    }
    for name, ask in asks.items():
        said = ask(fold.rest, fold.held, 0)
        assert said.shape == (len(STRENGTHS if name == "line" else EPOCHS), len(fold.held))
        assert said[-1, died[fold.held]].min() > said[-1, ~died[fold.held]].max(), name
        assert np.array_equal(said, ask(fold.rest, fold.held, 0))
    other = asking_head(pooled, died, 1, lambda: "")(fold.rest, fold.held, 0)
    assert not np.array_equal(other, asks["head"](fold.rest, fold.held, 0))


def test_a_line_takes_what_is_unknown(cohort):
    fold, died = divide(cohort)[0], cohort.died
    columns = np.column_stack([cohort.age, np.full(36, np.nan)])
    said = asking_line(columns, died, lambda: "")(fold.rest, fold.held, 0)
    assert np.isfinite(said).all()


def test_a_network_from_scratch_stops_when_told(cohort):
    torch = pytest.importorskip("torch")
    images = torch.zeros(36, 1, 32, 32)
    asks = iter(["", "", "Enough."])
    ask = asking_scratch("resnet18", images, cohort.died, 0, lambda: next(asks))
    with pytest.raises(Stopped, match="Enough"):
        ask(np.arange(20), np.arange(20, 36), 0)


def test_a_network_from_scratch_answers(cohort, monkeypatch):
    torch = pytest.importorskip("torch")
    monkeypatch.setattr("hilum.studies.s4.learning.SCRATCH_EPOCHS", (1,))
    images = torch.rand(36, 1, 32, 32, generator=torch.Generator().manual_seed(0))
    ask = asking_scratch("resnet18", images, cohort.died, 0, lambda: "")
    said = ask(np.arange(17), np.arange(17, 36), 0)  # the last of 17 would be alone in its batch
    assert said.shape == (1, 19)
    assert np.isfinite(said).all()
