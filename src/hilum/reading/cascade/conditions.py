"""Whether a condition holds, with three answers: yes, no, and nobody knows.

What is said of a finding is unknown where its stage has not read the radiograph, because it refused
or was not asked. *all* is no where one part is no, *any* is yes where one part is yes, whatever the
others are; *not* leaves the unknown unknown (Kleene 1938, On notation for ordinal numbers).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from hilum.bundles.cascades import Condition
from hilum.domain import Prediction
from hilum.reading.cascade.outcome import Outcome, Step

Steps = Mapping[str, Step]
"""What became of the stages so far, by name."""


def holds(condition: Condition, steps: Steps) -> bool | None:
    """Whether a condition holds; None where that cannot be known.

    Args:
        condition: on stages that are in ``steps``.
        steps: of the stages before.
    """
    if condition.not_ is not None:
        inner = holds(condition.not_, steps)
        return None if inner is None else not inner
    if condition.all_ is not None:
        return _joined([holds(part, steps) for part in condition.all_], decisive=False)
    if condition.any_ is not None:
        return _joined([holds(part, steps) for part in condition.any_], decisive=True)
    if condition.stage is not None:
        return _became(steps[condition.stage].outcome) == condition.is_
    prediction = _asked(condition, steps)
    return None if prediction is None else _meets(condition, prediction)


def why_unknown(condition: Condition, steps: Steps) -> Outcome:
    """What becomes of a stage whose condition nobody can judge.

    Returns:
        "not-asked" where all that is missing belongs to stages that were not asked themselves;
        "undecided" where one of them refused, or is undecided.
    """
    missing = {
        steps[leaf.asked[0]].outcome
        for leaf in condition.leaves()
        if leaf.finding is not None and _asked(leaf, steps) is None
    }
    return "not-asked" if missing <= {"not-asked"} else "undecided"


def facts(condition: Condition, steps: Steps) -> str:
    """What the condition met, in words, such as "covid.covid_19 is positive (93.0 %)"."""
    return "; ".join(dict.fromkeys(_facts(condition, steps)))


def decision(prediction: Prediction) -> str:
    """In a condition's words: "positive", "negative" or "abstained"."""
    if prediction.abstained:
        return "abstained"
    return "positive" if prediction.present else "negative"


def _joined(parts: list[bool | None], *, decisive: bool) -> bool | None:
    if decisive in parts:
        return decisive
    return None if None in parts else not decisive


def _became(outcome: Outcome) -> str:
    return "not-asked" if outcome == "undecided" else outcome


def _asked(condition: Condition, steps: Steps) -> Prediction | None:
    stage, key = condition.asked
    reading = steps[stage].reading
    return None if reading is None else reading[key]


def _meets(condition: Condition, prediction: Prediction) -> bool:
    if condition.is_ is not None:
        return decision(prediction) == condition.is_
    low, high = condition.probability_at_least, condition.probability_below
    enough = low is None or prediction.probability >= low
    return enough and (high is None or prediction.probability < high)


def _facts(condition: Condition, steps: Steps) -> Iterator[str]:
    for leaf in condition.leaves():
        name = leaf.stage or leaf.asked[0]
        prediction = None if leaf.finding is None else _asked(leaf, steps)
        if prediction is not None:
            percent = f"{100 * prediction.probability:.1f} %"
            yield f"{leaf.finding} is {decision(prediction)} ({percent})"
        else:
            yield f"stage {name} is {steps[name].outcome.replace('-', ' ')}"
