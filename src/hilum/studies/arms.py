"""What a study runs: a base recipe, and arms that change a few of its keys."""

from __future__ import annotations

import copy
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from hilum.errors import RecipeError
from hilum.recipes import locate
from hilum.registry import unknown
from hilum.training.held_out import INNER
from hilum.training.recipe import Recipe
from hilum.training.recipe.recipe import parse_recipe

HERE = Path(__file__).parent
ABOUT = "study.toml"


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Arm(_Part):
    """One change.

    Attributes:
        name: of its folder, and in the table.
        study: whose lever it is.
        lever: what is changed, in a word or two; arms of one lever stand together.
        why: one sentence: why it is asked.
        against: arm that it is compared with; "" for none. None: the study's first arm.
        like: arm whose changes are made first; "" for none.
        changes: key of the recipe, with dots → what stands there instead.
        without: keys of the recipe that are left out.
        augmentation: shipped recipe of an augmentation that takes the place of the base's.
        method: what learns: a network, a logistic regression on remembered features, or nothing:
            the mean of what other arms say.
        of: those arms, of the same seed, or "NAME/SEED".
        inner: one part in so many of the rows that are not held out chooses the checkpoint, where
            one is chosen.
        tuning_rows: a logistic regression, which chooses no checkpoint, learns from those as well.
        each_finding: one network a finding, each with its own checkpoint.
    """

    name: str = Field(pattern=r"^[a-z0-9][a-z0-9_-]*$")
    study: str
    lever: str
    why: str
    against: str | None = None
    like: str = ""
    changes: dict[str, Any] = Field(default_factory=dict, alias="set")
    without: tuple[str, ...] = ()
    augmentation: str = ""
    method: Literal["network", "logistic-regression", "mean"] = "network"
    of: tuple[str, ...] = ()
    inner: int = Field(INNER, ge=2)
    tuning_rows: bool = True
    each_finding: bool = False


class _About(_Part):
    title: str
    about: str
    recipe: str
    seeds: tuple[int, ...]
    arms: tuple[str, ...]
    changes: dict[str, Any] = Field(default_factory=dict, alias="set")
    without: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Study:
    """A study.

    Attributes:
        name: of its folder.
        title: for people.
        about: a sentence or two.
        recipe: name of the recipe that its base changes.
        seeds: that every arm is run with.
        arms: in the order in which they run; the first is what others are compared with.
        base: keys and values of the recipe that all arms begin with.
    """

    name: str
    title: str
    about: str
    recipe: str
    seeds: tuple[int, ...]
    arms: tuple[Arm, ...]
    base: Mapping[str, Any]

    def arm(self, name: str) -> Arm:
        """The arm of a name.

        Raises:
            RecipeError: there is none; the message lists near matches.
        """
        for one in self.arms:
            if one.name == name:
                return one
        raise RecipeError(unknown("arm", name, [arm.name for arm in self.arms]))

    def against(self, arm: Arm) -> str:
        """Name of the arm that one is compared with; "" for none."""
        return self.arms[0].name if arm.against is None else arm.against

    def recipe_for(self, arm: Arm, seed: int) -> Recipe:
        """The recipe of an arm.

        Raises:
            RecipeError: it is no recipe; all faults at once.
        """
        raw = copy.deepcopy(dict(self.base))
        for one in self._from(arm):
            if one.augmentation:
                raw["augmentation"] = _read(locate(one.augmentation))["augmentation"]
            _change(raw, one.changes, one.without, one.name)
        raw["seed"] = seed
        return parse_recipe(raw, f"{self.name}, arm {arm.name}")

    def _from(self, arm: Arm) -> list[Arm]:
        """Arms whose changes make an arm, in their order."""
        found = [arm]
        while found[0].like:
            found.insert(0, self.arm(found[0].like))
            if found[0] in found[1:]:
                raise RecipeError(f"The study {self.name}: {arm.name} is like itself.")
        return found


def studies() -> list[str]:
    """Names of the studies that come with the package."""
    return sorted(file.parent.name for file in HERE.glob(f"*/{ABOUT}"))


def load_study(name_or_folder: str | Path) -> Study:
    """A study that comes with the package, or one in a folder.

    Raises:
        RecipeError: there is none, or its files say something that cannot be.
    """
    folder = HERE / str(name_or_folder)
    if str(name_or_folder) not in studies():
        folder = Path(name_or_folder)
        if not (folder / ABOUT).is_file():
            raise RecipeError(
                f"{unknown('study', str(name_or_folder), studies())} Or name a folder with "
                f"{ABOUT} and files of arms."
            )
    try:
        about = _About.model_validate(_read(folder / ABOUT))
        found = [_read(folder / f"{name}.toml") for name in about.arms]
        arms = tuple(Arm.model_validate(one) for file in found for one in file["arm"])
    except (ValidationError, KeyError, OSError) as error:
        raise RecipeError(f"The study {folder.name}: {error}") from error
    own = folder / about.recipe
    base = _read(own if own.is_file() else locate(about.recipe))
    _change(base, about.changes, about.without, ABOUT)
    said = (folder.name, about.title, about.about, about.recipe, about.seeds)
    study = Study(*said, arms, base)
    _check(study)
    return study


def _check(study: Study) -> None:
    names = [arm.name for arm in study.arms]
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise RecipeError(f"The study {study.name}: {', '.join(twice)} stands twice.")
    for arm in study.arms:
        parts = (one.partition("/")[0] for one in arm.of)
        for name in filter(None, (study.against(arm), arm.like, *parts)):
            study.arm(name)
        if (arm.method == "mean") != bool(arm.of):
            raise RecipeError(
                f'The study {study.name}: {arm.name}: "of" goes with the method mean.'
            )


def _read(file: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(file.read_text(encoding="utf-8"))
    except tomllib.TOMLDecodeError as error:
        raise RecipeError(f"{file.name} is no TOML: {error}") from error


def _change(
    raw: dict[str, Any], changes: Mapping[str, Any], without: Sequence[str], name: str
) -> None:
    """Set and remove keys of nested tables, given by their path."""
    for path in without:
        table, key = _table(raw, path, name)
        if table.pop(key, None) is None:
            raise RecipeError(f"{name}: there is no {path} to be left out.")
    for path, value in changes.items():
        table, key = _table(raw, path, name)
        table[key] = copy.deepcopy(value)


def _table(raw: dict[str, Any], path: str, name: str) -> tuple[dict[str, Any], str]:
    *outer, key = path.split(".")
    for one in outer:
        raw = raw.setdefault(one, {})
        if not isinstance(raw, dict):
            raise RecipeError(f"{name}: {path} leads through something that is no table.")
    return raw, key
