"""What a cascade is: stages, each with a bundle and a condition on what earlier stages said."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Annotated, Any, Literal

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    ModelWrapValidatorHandler,
    ValidationError,
    model_validator,
)
from pydantic_core import InitErrorDetails, PydanticCustomError

from hilum.bundles.card import NAME, VERSION
from hilum.bundles.cascades.condition import Condition, Probability
from hilum.registry import unknown

SCHEMA = "hilum.cascade/1"


class _Part(BaseModel):
    model_config = ConfigDict(
        frozen=True, extra="forbid", allow_inf_nan=False, populate_by_name=True
    )


class Stage(_Part):
    """One bundle of a cascade.

    Attributes:
        name: lower case, digits and hyphens; a folder of its results is called so.
        bundle: a name from ``hilum bundles list``, a folder or a ``.hilum`` file; a relative path
            begins at the cascade's own file.
        when: where it reads; None: everywhere. The first stage has none.
        abstain: finding → (low, high): from ``low`` on and below ``high`` no decision is made on
            its probability.
    """

    name: Annotated[str, Field(pattern=NAME)]
    bundle: Annotated[str, Field(min_length=1)]
    when: Condition | None = None
    abstain: dict[str, tuple[Probability, Probability]] = {}

    @model_validator(mode="after")
    def _bands_rise(self) -> Stage:
        for key, (low, high) in self.abstain.items():
            if low >= high:
                raise ValueError(f"abstain.{key}: {low:g} must lie below {high:g}")
        return self


class Cascade(_Part):
    """A chain of bundles.

    Attributes:
        schema_: version of this layout.
        name: lower case, digits and hyphens.
        version: of the cascade.
        summary: one sentence.
        stages: in the order in which they read, at least one.
    """

    schema_: Literal["hilum.cascade/1"] = Field(default=SCHEMA, alias="schema")
    name: Annotated[str, Field(pattern=NAME)]
    version: Annotated[str, Field(pattern=VERSION)]
    summary: Annotated[str, Field(min_length=1)]
    stages: Annotated[tuple[Stage, ...], Field(alias="stage")]

    @model_validator(mode="wrap")
    @classmethod
    def _all_at_once(cls, value: Any, handler: ModelWrapValidatorHandler[Cascade]) -> Cascade:
        """Faults of the order of stages beside those of single fields."""
        found: list[InitErrorDetails] = []
        made = None
        try:
            made = handler(value)
        except ValidationError as error:
            found += [_again(fault) for fault in error.errors(include_url=False)]
        plain = made.model_dump(by_alias=True) if made else value
        stages = plain.get("stage") if isinstance(plain, Mapping) else None
        for at, fault in _order_faults(stages if isinstance(stages, Sequence) else ()):
            error = PydanticCustomError("order", "{fault}", {"fault": fault})
            found.append(InitErrorDetails(type=error, loc=("stage", at), input=None))
        if made is not None and not made.stages:
            error = PydanticCustomError("order", "a cascade needs at least one stage")
            found.append(InitErrorDetails(type=error, loc=("stage",), input=None))
        if found or made is None:
            raise ValidationError.from_exception_data("Cascade", found)
        return made


def _again(fault: Any) -> InitErrorDetails:
    error = PydanticCustomError(fault["type"], "{message}", {"message": fault["msg"]})
    return InitErrorDetails(type=error, loc=fault["loc"], input=fault["input"])


def _order_faults(stages: Sequence[Any]) -> Iterator[tuple[int, str]]:
    """What is wrong between stages; what is of the wrong type is told elsewhere."""
    tables = [stage if isinstance(stage, Mapping) else {} for stage in stages]
    names = [stage.get("name") for stage in tables]
    for at, stage in enumerate(tables):
        name, earlier = names[at], [n for n in names[:at] if isinstance(n, str)]
        if name in earlier:
            yield at, f"a second stage is named {name!r}; give each a name of its own"
        when = stage.get("when")
        if at == 0 and when is not None:
            yield at, "the first stage reads everything, since nothing was said before: no `when`"
            continue
        for asked in dict.fromkeys(_asked(when)):
            fault = _reference_fault(asked, name, earlier, names)
            if fault:
                yield at, fault


def _reference_fault(
    asked: str, name: object, earlier: Sequence[str], names: Sequence[object]
) -> str | None:
    if asked in earlier:
        return None
    if asked == name:
        return f"its condition asks for stage {asked!r}, which is this very stage"
    if asked in names:
        return (
            f"its condition asks for stage {asked!r}, which reads later; a condition is on stages "
            "before: change the order"
        )
    return f"its condition: {unknown('stage', asked, earlier)}"


def _asked(when: Any) -> Iterator[str]:
    """Names of the stages that a condition asks for, as far as it is of the right form."""
    if not isinstance(when, Mapping):
        return
    stage, finding = when.get("stage"), when.get("finding")
    if isinstance(stage, str):
        yield stage
    if isinstance(finding, str) and "." in finding:
        yield finding.partition(".")[0]
    for word in ("all", "any", "not"):
        parts = when.get(word)
        for part in parts if isinstance(parts, list | tuple) else (parts,):
            yield from _asked(part)
