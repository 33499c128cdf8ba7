"""A plan: a set of rounds, how it is put together, and when it abstains; as data."""

from __future__ import annotations

import hashlib
import json
import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from hilum.errors import RecipeError
from hilum.reading.rounds.joining import JOINS, Join, trimmed_off, weight_table
from hilum.registry import unknown
from hilum.transforms.rounds import SETS, Round, RoundSet, Step

OTHERS = "others"
"""In place of a finding: all that are not named."""


@dataclass(frozen=True, slots=True)
class Plan:
    """How a radiograph is read in rounds.

    Attributes:
        rounds: what each round looks at.
        join: how the rounds are put together, see :func:`hilum.reading.rounds.join`.
        trim: for the trimmed mean.
        weights: by key or label of a finding, or "others": one a round; for "weighted".
        operating_points: by finding: the probability from which the joined reading calls it
            present, at the prevalence of the bundle's training; the bundle's own where it is not
            named. For a vote it is that of one round, and half of the rounds decide.
        abstain_above: spread beyond which no decision is made on a finding; None to decide always.
    """

    rounds: RoundSet
    join: Join = "mean"
    trim: float = 0.2
    weights: Mapping[str, tuple[float, ...]] = field(default_factory=dict)
    operating_points: Mapping[str, float] = field(default_factory=dict)
    abstain_above: float | None = None

    def __post_init__(self) -> None:
        count = len(self.rounds.rounds)
        trimmed_off(count, self.trim)
        for finding, row in self.weights.items():
            try:
                weight_table(row, count, 1)
            except RecipeError as error:
                raise RecipeError(f"{self.rounds.name}, {finding}: {error}") from error
        if self.join == "weighted" and not self.weights:
            raise RecipeError(
                f"{self.rounds.name} has no weights to join by: `hilum rounds DATA --sweep` learns "
                f"them and writes a file that --rounds takes."
            )
        if self.abstain_above is not None and not 0 <= self.abstain_above <= 0.5:
            raise RecipeError(
                f"abstain_above is a standard deviation of probabilities, from 0 to 0.5; got "
                f"{self.abstain_above:g}."
            )
        for finding, point in self.operating_points.items():
            if not 0 < point < 1:
                raise RecipeError(f"The operating point of {finding} must lie between 0 and 1.")

    def weight_rows(self, findings: tuple[str, ...]) -> list[tuple[float, ...]]:
        """The weights of each finding.

        Raises:
            RecipeError: there are none for a finding, nor for others.
        """
        missing = [f for f in findings if f not in self.weights and OTHERS not in self.weights]
        if missing:
            raise RecipeError(
                f"{self.rounds.name} has no weights for {missing[0]}"
                f"{f' and {len(missing) - 1} more' if len(missing) > 1 else ''}: add them, or a "
                f"row {OTHERS!r} for all that are not named."
            )
        return [self.weights.get(f, self.weights.get(OTHERS, ())) for f in findings]


def plan(
    rounds: Plan | RoundSet | str | Path,
    *,
    join: str | None = None,
    abstain_above: float | None = None,
) -> Plan:
    """A plan from a name, a file or a set.

    Args:
        rounds: a name in :data:`hilum.transforms.rounds.SETS`, a TOML file, a set or a plan.
        join: one of :data:`hilum.reading.rounds.JOINS`, in place of what it says.
        abstain_above: likewise.

    Raises:
        RecipeError: neither a name nor a file; the file is not sound; or an unknown join.
    """
    if isinstance(rounds, Plan):
        found = rounds
    elif isinstance(rounds, RoundSet):
        found = Plan(rounds)
    elif str(rounds) in SETS:
        found = Plan(SETS.resolve(str(rounds)))
    else:
        path = Path(rounds).expanduser()
        if not path.is_file():
            raise RecipeError(
                f"{unknown('set of reading rounds', str(rounds), SETS)} A set is one of these "
                f"names, or a TOML file."
            )
        found = read_plan(path)
    if join is not None:
        known: dict[str, Join] = {name: name for name in JOINS}
        if join not in known:
            raise RecipeError(unknown("join", join, known))
        found = replace(found, join=known[join])
    return found if abstain_above is None else replace(found, abstain_above=abstain_above)


def said_of(plan: Plan) -> str:
    """A plan in a word or two and a digest: equal for equal plans alone."""
    digest = hashlib.sha256(written(plan).encode()).hexdigest()[:12]
    return f"--rounds {plan.rounds.name} --join {plan.join} ({digest})"


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", allow_inf_nan=False)


class _Round(_Part):
    name: Annotated[str, Field(min_length=1, max_length=64)]
    steps: list[dict[str, Any]] = []


class _File(_Part):
    name: Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9-]{0,63}$")]
    about: str = ""
    each: Literal["original", "previous"] = "original"
    join: Join = "mean"
    trim: float = 0.2
    abstain_above: float | None = None
    weights: dict[str, tuple[Annotated[float, Field(ge=0)], ...]] = {}
    operating_points: dict[str, float] = {}
    rounds: Annotated[list[_Round], Field(min_length=1)]


def read_plan(path: Path) -> Plan:
    """A plan from a TOML file.

    Raises:
        RecipeError: it cannot be read, or is not sound; the message lists all that is wrong.
    """
    try:
        said = _File.model_validate(tomllib.loads(path.read_text("utf-8-sig")))
    except OSError as error:
        raise RecipeError(f"{path} cannot be read: {error.strerror}.") from error
    except RecursionError as error:
        raise RecipeError(f"{path} has lists within lists too deep to be read.") from error
    except ValidationError as error:
        faults = [
            f"{'.'.join(map(str, one['loc']))}: {one['msg']}"
            for one in error.errors(include_url=False, include_input=False)
        ]
        raise RecipeError(f"{path.name}: " + "; ".join(faults)) from error
    except ValueError as error:  # no UTF-8, no TOML, or a number of more digits than Python reads
        raise RecipeError(f"{path} is no TOML: {error}.") from error
    rounds = tuple(
        Round(one.name, tuple(_step(path, one.name, step) for step in one.steps))
        for one in said.rounds
    )
    return Plan(
        RoundSet(said.name, rounds, said.each, said.about),
        join=said.join,
        trim=said.trim,
        weights=said.weights,
        operating_points=said.operating_points,
        abstain_above=said.abstain_above,
    )


def written(plan: Plan) -> str:
    """A plan as TOML: :func:`read_plan` gives it back."""
    own = plan.rounds
    lines = [f"# {' '.join(own.about.split())}"] if own.about else []
    lines += [f"name = {json.dumps(own.name)}"]
    if own.about:
        lines.append(f"about = {json.dumps(own.about, ensure_ascii=False)}")
    lines += [f"each = {json.dumps(own.each)}", f"join = {json.dumps(plan.join)}"]
    if plan.join == "trimmed":
        lines.append(f"trim = {plan.trim!r}")
    if plan.abstain_above is not None:
        lines.append(f"abstain_above = {plan.abstain_above!r}")
    for head, rows in (("weights", plan.weights), ("operating_points", plan.operating_points)):
        if rows:
            lines += ["", f"[{head}]"]
            lines += [f"{_bare(name)} = {_number(value)}" for name, value in rows.items()]
    for one in own.rounds:
        steps = ", ".join(_inline(step) for step in one.steps)
        lines += ["", "[[rounds]]", f"name = {json.dumps(one.name)}", f"steps = [{steps}]"]
    return "\n".join([*lines, ""])


def _step(path: Path, name: str, said: dict[str, Any]) -> Step:
    values = dict(said)
    do = values.pop("do", None)
    if not isinstance(do, str):
        raise RecipeError(f'{path.name}, round {name}: a step needs do = "…".')
    try:
        return Step.of(do, values)
    except (RecipeError, KeyError) as error:
        raise RecipeError(f"{path.name}, round {name}: {error}") from error


def _inline(step: Step) -> str:
    told = "".join(f", {name} = {value!r}" for name, value in step.values)
    return f'{{ do = "{step.do}"{told} }}'


def _bare(name: str) -> str:
    """A key of TOML; in quotes where it needs them."""
    return name if re.fullmatch(r"[A-Za-z0-9_-]+", name) else json.dumps(name, ensure_ascii=False)


def _number(value: float | tuple[float, ...]) -> str:
    return repr(list(value)) if isinstance(value, tuple) else repr(value)
