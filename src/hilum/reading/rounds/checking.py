"""Whether a plan fits a bundle: its findings, its weights, its points, its pictures' sizes."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import replace
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from hilum.domain import from_label
from hilum.errors import RecipeError, UnknownName
from hilum.evaluation.calibration import restate
from hilum.reading.rounds.plan import OTHERS, Plan
from hilum.reading.scale import Scale
from hilum.registry import unknown
from hilum.transforms.rounds.steps import shapes

T = TypeVar("T")


def named(plan: Plan, findings: Collection[str], *, of: str = "bundle") -> Plan:
    """A plan whose weights and operating points stand by key of the finding.

    Args:
        plan: may name findings by key or label.
        findings: keys that are read.
        of: by what: "bundle" or "cascade".

    Raises:
        RecipeError: it names a finding that is not read, or one twice.
    """
    return replace(
        plan,
        weights=_by_key(plan.weights, {OTHERS, *findings}, f"{plan.rounds.name}, weights", of),
        operating_points=_by_key(
            plan.operating_points, findings, f"{plan.rounds.name}, operating_points", of
        ),
    )


def narrowed(plan: Plan, findings: Collection[str]) -> Plan:
    """A plan that :func:`named` gave, without the weights and points of other findings."""
    kept = {OTHERS, *findings}
    return replace(
        plan,
        weights={key: row for key, row in plan.weights.items() if key in kept},
        operating_points={k: point for k, point in plan.operating_points.items() if k in kept},
    )


def fitted(plan: Plan, scale: Scale) -> Plan:
    """A plan as a bundle reads by it; refused here, not at the first radiograph.

    Args:
        plan: may name findings by key or label.
        scale: of the bundle.

    Raises:
        RecipeError: a finding that the bundle does not read, or one without weights; crops that
            need too large a picture; or an operating point that the prevalence brings to 0 or 1.
    """
    keys = scale.card.keys
    found = named(plan, keys)
    if found.join == "weighted":
        found.weight_rows(keys)
    for chain in found.rounds.chains:
        shapes(chain, scale.card.preprocessing.size)
    points = restated(scale, operating_points(found, scale))
    for key, point in zip(keys, points.tolist(), strict=True):
        if not 0 < point < 1:
            raise RecipeError(
                f"{plan.rounds.name}: the prevalence {scale.restated[key][1]:g} of {key} leaves "
                f"no operating point between 0 and 1; give one further from 0 and 1."
            )
    return found


def operating_points(plan: Plan, scale: Scale) -> NDArray[np.float64]:
    """Points of the plan, else of the bundle, at the prevalence of its training, [findings]."""
    own = plan.operating_points
    return np.array(
        [own.get(row.key, row.operating_point.threshold) for row in scale.card.findings],
        np.float64,
    )


def restated(scale: Scale, probabilities: NDArray[np.float64]) -> NDArray[np.float64]:
    """Probabilities [..., findings] from the training's prevalence to the one asked for."""
    found = probabilities.copy()
    for at, key in enumerate(scale.card.keys):
        shift = scale.restated.get(key)
        if shift is not None:
            found[..., at] = restate(np.asarray(probabilities[..., at]), *shift)
    return found


def _by_key(said: Mapping[str, T], known: Collection[str], where: str, of: str) -> dict[str, T]:
    found: dict[str, T] = {}
    for text, value in said.items():
        key = text if text in known else _key(text)
        if key not in known:
            names = dict.fromkeys(known)
            raise RecipeError(f"{where}: {unknown(f'finding of this {of}', text, names)}")
        if key in found:
            raise RecipeError(f"{where}: {key} stands twice.")
        found[key] = value
    return found


def _key(text: str) -> str:
    try:
        return from_label(text).key
    except UnknownName:
        return text
