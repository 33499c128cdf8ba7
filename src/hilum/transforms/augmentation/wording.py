"""Faults in a recipe's steps, in words: unknown names and keys with those that are near."""

from __future__ import annotations

from dataclasses import fields
from typing import Any

from pydantic import ValidationError, ValidatorFunctionWrapHandler, WrapValidator
from pydantic_core import ErrorDetails, InitErrorDetails, PydanticCustomError

from hilum.registry import unknown


def worded(kinds: tuple[type, ...]) -> WrapValidator:
    """Reword what pydantic says of a step.

    Args:
        kinds: of steps, each with a field ``do`` whose default is its name.
    """
    keys = {_name(kind): sorted(field.name for field in fields(kind)) for kind in kinds}

    def check(said: Any, validate: ValidatorFunctionWrapHandler) -> Any:
        try:
            return validate(said)
        except ValidationError as error:
            faults = [_reworded(fault, keys) for fault in error.errors()]
            raise ValidationError.from_exception_data("augmentation", faults) from None

    return WrapValidator(check)


def _name(kind: type) -> str:
    return next(str(field.default) for field in fields(kind) if field.name == "do")


def _reworded(fault: ErrorDetails, keys: dict[str, list[str]]) -> InitErrorDetails:
    said = fault["msg"]
    if fault["type"] == "union_tag_invalid":
        said = unknown("step", str(fault["input"].get("do")), sorted(keys))
    elif fault["type"] in {"union_tag_not_found", "model_attributes_type"}:
        said = "a step is a table with a key `do`, such as { do = 'rotate' }"
    elif fault["type"] == "unexpected_keyword_argument":
        step, key = fault["loc"][-2:]
        said = unknown("key", str(key), keys[str(step)])
    return {
        "type": PydanticCustomError(fault["type"], said),  # pyright: ignore[reportArgumentType]
        "loc": fault["loc"],
        "input": fault["input"],
    }
