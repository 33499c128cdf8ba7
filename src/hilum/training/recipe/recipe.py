"""A whole recipe, its reading, and what is wrong with it in words."""

from __future__ import annotations

import tomllib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Annotated, Any, get_args

from pydantic import BaseModel, Field, ValidationError, model_validator
from pydantic_core import ErrorDetails

from hilum.bundles.card import Preprocessing
from hilum.domain import all_findings
from hilum.errors import RecipeError
from hilum.registry import unknown
from hilum.training.recipe.augmentation import Augmentation
from hilum.training.recipe.bundle import Bundle, Gate
from hilum.training.recipe.data import Data
from hilum.training.recipe.distil import Distil
from hilum.training.recipe.fit import Fit
from hilum.training.recipe.loss import Loss
from hilum.training.recipe.model import Model
from hilum.training.recipe.optimiser import AdamW, Optimiser
from hilum.training.recipe.part import Part
from hilum.training.recipe.sampling import All, Sampling, SecondStage
from hilum.training.recipe.schedule import OneCycle, Schedule
from hilum.training.recipe.self_supervision import SelfSupervision
from hilum.training.recipe.task import DETECTION, SEGMENTATION, Task
from hilum.training.recipe.watch import Watch


class Recipe(Part):
    """A whole run.

    Attributes:
        seed: of everything random.
        folds: networks trained for out-of-fold predictions, which calibration and the reported
            numbers come from; 0 for none: the tuning rows calibrate, and the card says so. A
            segmentation, which needs no calibration, has none unless told. Thresholds of boxes
            come from there too.
        loss: of tasks that name none; the plain one of each when left out.
        second_stage: the head is trained anew on frozen features, with another sampling.
        self_supervision: the backbone learns from pictures alone, before the labels.
        distil: teachers' probabilities are mixed into the labels that are learnt.
    """

    seed: Annotated[int, Field(ge=0, lt=2**31)] = 0
    folds: Annotated[int, Field(ge=0, le=20)] = 5
    bundle: Bundle = Bundle()
    data: Data = Data()
    model: Model
    input: Preprocessing = Preprocessing(size=(320, 320))
    task: tuple[Task, ...] = (Task(),)
    loss: Loss | None = None
    optimiser: Optimiser = AdamW()
    schedule: Schedule = OneCycle()
    sampling: Sampling = All()
    second_stage: SecondStage | None = None
    self_supervision: SelfSupervision | None = None
    distil: Distil | None = None
    augmentation: Augmentation = Augmentation()
    fit: Fit = Fit()
    watch: Watch = Watch()
    gate: Gate = Gate()

    @model_validator(mode="before")
    @classmethod
    def _defaults_of_what_is_drawn(cls, raw: Any) -> Any:
        tasks = raw.get("task") if isinstance(raw, dict) else None
        listed = tasks if isinstance(tasks, list | tuple) else ()
        kinds = [t.get("kind") if isinstance(t, dict) else getattr(t, "kind", "") for t in listed]
        fit = raw.get("fit", {}) if kinds else None
        if not isinstance(fit, dict):
            return raw
        if kinds[0] == SEGMENTATION:
            return {"folds": 0} | raw | {"fit": {"best": "dice"} | fit}
        return raw | {"fit": {"best": "ap50"} | fit} if DETECTION in kinds else raw

    @model_validator(mode="after")
    def _one_segmentation(self) -> Recipe:
        if not self.structures:
            if not self.drawn and (self.data.masks or self.data.mask_values):
                raise ValueError(f"data.masks is for a task {SEGMENTATION}, or structures")
            return self
        if len(self.task) > 1:
            raise ValueError(
                "a segmentation is the only task of its recipe: its network draws at half the "
                "input's size, and one with findings pools; train two bundles"
            )
        if not self.data.masks:
            raise ValueError("a segmentation needs data.masks, the column with the masks")
        if self.data.mask_values and len(self.data.mask_values) != len(self.structures):
            raise ValueError("data.mask_values: one a structure")
        if any(side % 2 for side in self.input.size):
            raise ValueError("input.size: even for a segmentation, which draws at half of it")
        model, sampling = self.model, self.sampling
        wrong = {
            "data.findings": bool(self.data.findings),
            "model.views": model.views is not None,
            "model.head": model.head != "linear",
            "model.dropout": model.dropout is not None,
            "fit.views": bool(self.fit.views),
            "second_stage": self.second_stage is not None,
            "gate.measured": bool(self.gate.measured),
            "sampling": sampling.name != "all" or bool(sampling.spread),
        }
        said = [name for name, there in wrong.items() if there]
        if said:
            raise ValueError(f"{', '.join(said)}: not for a segmentation")
        return self

    @model_validator(mode="after")
    def _one_detection(self) -> Recipe:
        said = self.detection
        if said is None:
            return self
        others = [task for task in self.task if task.kind != DETECTION]
        if len(others) != len(self.task) - 1 or len(others) > 1:
            raise ValueError("a detection stands alone, or beside one task with findings")
        if bool(said.structures) != bool(self.data.masks):
            raise ValueError(
                "structures beside boxes need data.masks, the column with the masks, and the other "
                "way round"
            )
        if self.data.mask_values and len(self.data.mask_values) != len(said.structures):
            raise ValueError("data.mask_values: one a structure")
        if self.data.image:
            raise ValueError(
                "data.image: boxes come with a table that Hilum saved, or with a column map "
                "(data.map) that says where they are"
            )
        model, fit = self.model, self.fit
        wrong = {
            "data.findings": bool(self.data.findings),
            "data.adjust_for_stratum": self.data.adjust_for_stratum,
            "model.views": model.views is not None,
            "model.head": model.head != "linear",
            "model.dropout": model.dropout is not None,
            "fit.views": bool(fit.views),
            "fit.mixup": bool(fit.mixup),
            "second_stage": self.second_stage is not None,
            "self_supervision": self.self_supervision is not None,
            "gate.measured": bool(self.gate.measured),
        }
        named = [name for name, there in wrong.items() if there]
        if named:
            raise ValueError(f"{', '.join(named)}: not for a detection")
        return self

    @model_validator(mode="after")
    def _agree(self) -> Recipe:
        if 0 < self.folds < 3:
            raise ValueError("folds: 3 or more, or 0 for none")
        model, fit = self.model, self.fit
        if fit.views and not (model.freeze and model.batch_norm == "frozen"):
            raise ValueError("fit.views needs model.freeze and model.batch_norm = 'frozen'")
        if fit.views and (model.unfreeze or model.views or model.freeze == "all"):
            raise ValueError(
                'fit.views goes with the name of a module in model.freeze (not "all"), without '
                "unfreeze and model.views"
            )
        if model.views and not self.data.group:
            raise ValueError("model.views needs data.group and data.view")
        if self.data.group and not model.views:
            raise ValueError("data.group and data.view are for several views: add [model.views]")
        if model.views and fit.mixup:
            raise ValueError("fit.mixup does not go with model.views: views may be missing")
        if fit.best == "last":
            lacking = {
                "folds = 0: the rows that would calibrate are learnt from": not self.folds,
                "fit.patience: it chooses when to stop": bool(fit.patience),
                'schedule "plateau": it heeds the tuning rows': self.schedule.name == "plateau",
                "a segmentation": bool(self.structures),
            }
            wrong = [words for words, there in lacking.items() if there]
            if wrong:
                raise ValueError(f'fit.best = "last" does not go with {"; ".join(wrong)}')
        if self.data.adjust_for_stratum:
            kinds = [task.kind for task in self.task if task.kind not in ("multi-label", "binary")]
            drawn = self.sampling.name != "all" or self.second_stage is not None
            if kinds or fit.mixup or drawn:
                other = f"a task {kinds[0]}" if kinds else "fit.mixup"
                if not kinds and not fit.mixup:
                    other = "a sampling that shows findings at other frequencies than the rows have"
                raise ValueError(f"data.adjust_for_stratum does not go with {other}")
        named = [task.findings for task in self.task if task.kind != DETECTION]
        if len(self.task) > 1 and not all(named):
            raise ValueError("with several tasks each names its findings")
        return self

    @property
    def detection(self) -> Task | None:
        """The task that asks for boxes; None where none does."""
        return next((task for task in self.task if task.kind == DETECTION), None)

    @property
    def drawn(self) -> tuple[str, ...]:
        """What masks show: of a segmentation, or beside boxes."""
        return next((task.structures for task in self.task if task.structures), ())

    @model_validator(mode="after")
    def _taught(self) -> Recipe:
        if self.distil is None:
            return self
        kinds = ("multi-label", "binary")
        losses = [one for one in (self.loss, *(task.loss for task in self.task)) if one is not None]
        wrong = {
            "a task other than multi-label and binary": any(t.kind not in kinds for t in self.task),
            "a loss other than bce": any(one.name != "bce" for one in losses),
            "a sampling other than all": self.sampling.name != "all" or bool(self.sampling.spread),
            "second_stage": self.second_stage is not None,
            "model.views": self.model.views is not None,
        }
        said = [words for words, there in wrong.items() if there]
        if said:
            raise ValueError(f"distil does not go with {'; '.join(said)}")
        return self

    @model_validator(mode="after")
    def _pictures_alone(self) -> Recipe:
        if self.self_supervision is None:
            return self
        findings = ("multi-label", "binary", "one-of", "ordinal")
        wrong = {
            "a task that draws": any(task.kind not in findings for task in self.task),
            "model.views": self.model.views is not None,
            'model.freeze = "all"': self.model.freeze == "all",
            "an augmentation that does nothing: two views of a picture must differ": all(
                step.do == "nothing" for step in self.augmentation.steps
            ),
        }
        said = [words for words, there in wrong.items() if there]
        if said:
            raise ValueError(f"self_supervision does not go with {'; '.join(said)}")
        return self

    @property
    def structures(self) -> tuple[str, ...]:
        """What the network of a segmentation draws; empty where it is asked for anything else."""
        return next((task.structures for task in self.task if task.kind == SEGMENTATION), ())

    @property
    def findings(self) -> tuple[str, ...]:
        """Findings that tasks or data name, in order; empty for all that the table holds."""
        named = tuple(key for task in self.task for key in task.findings)
        return named or self.data.findings


def load_recipe(path: Path) -> Recipe:
    """Read and check a recipe.

    Raises:
        RecipeError: the file is missing, no TOML, or says something that cannot be; all faults at
            once, unknown keys with near matches.
    """
    if not path.is_file():
        raise RecipeError(f"No recipe {path}.")
    try:
        raw = tomllib.loads(path.read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise RecipeError(f"{path.name} is no TOML: {error}.") from error
    return parse_recipe(raw, path.name)


def parse_recipe(raw: dict[str, Any], name: str) -> Recipe:
    """Check a recipe that has been read.

    Args:
        raw: tables of the recipe.
        name: what messages call it.

    Raises:
        RecipeError: it says something that cannot be; all faults at once.
    """
    faults = list(_wrong_findings(raw))
    try:
        recipe = Recipe.model_validate(raw)
    except ValidationError as error:
        faults = [_describe(fault) for fault in error.errors()] + faults
    else:
        if not faults:
            return recipe
    lines = "".join(f"\n  {fault}" for fault in faults) if len(faults) > 1 else f" {faults[0]}"
    raise RecipeError(f"{name}:{lines}")


def _wrong_findings(raw: dict[str, Any]) -> Iterator[str]:
    known = [f.key for f in all_findings()]
    for place, keys in (*_named_findings(raw), *_named_boxes(raw)):
        yield from (f"{place}: {unknown('finding', k, known)}" for k in keys if k not in known)
        twice = sorted({key for key in keys if keys.count(key) > 1})
        if twice:
            yield f"{place}: {', '.join(twice)} stands twice"
    tasks = raw.get("task")
    if isinstance(tasks, list):
        every = [key for _, keys in _named_findings({"task": tasks}) for key in keys]
        shared = sorted({key for key in every if every.count(key) > 1})
        if shared and len(tasks) > 1:
            yield f"task: {', '.join(shared)} stands in two tasks"


def _named_findings(raw: dict[str, Any]) -> Iterator[tuple[str, list[str]]]:
    data, tasks = raw.get("data"), raw.get("task")
    if isinstance(data, dict) and isinstance(data.get("findings"), list):
        yield "data.findings", [str(key) for key in data["findings"]]
    listed: list[Any] = tasks if isinstance(tasks, list) else []
    for at, task in enumerate(listed):
        if isinstance(task, dict) and isinstance(task.get("findings"), list):
            yield f"task.{at}.findings", [str(key) for key in task["findings"]]


def _named_boxes(raw: dict[str, Any]) -> Iterator[tuple[str, list[str]]]:
    tasks = raw.get("task")
    for at, task in enumerate(tasks if isinstance(tasks, list) else []):
        if isinstance(task, dict) and isinstance(task.get("boxes"), list):
            yield f"task.{at}.boxes", [str(key) for key in task["boxes"]]


def _describe(fault: ErrorDetails) -> str:
    place = ".".join(str(part) for part in fault["loc"])
    if fault["type"] == "missing":
        return f"{place}: is missing"
    said = fault.get("ctx")
    if said and fault["type"].startswith("union_tag"):
        return f"{place}: {_which(fault['loc'], said)}"
    if fault["type"] != "extra_forbidden":
        said = fault["msg"].removeprefix("Value error, ")
        if isinstance(fault.get("input"), dict) or not place:
            return f"{place}: {said}" if place else said
        return f"{place}: {said} (got {fault.get('input')!r})"
    *outer, key = fault["loc"]
    known = sorted({name for model in _models_at(Recipe, outer) for name in model.model_fields})
    return f"{place}: {unknown('key', str(key), known)}"


def _which(place: Sequence[int | str], said: dict[str, Any]) -> str:
    """What is wrong with the key that says which of several kinds a table is."""
    key = said["discriminator"].strip("'")
    kinds = {model.model_fields[key].default for model in _models_at(Recipe, place)}
    if "tag" in said:
        return unknown(key, str(said["tag"]), kinds)
    return f"say which with {key}; known: {', '.join(sorted(kinds))}."


def _models_at(annotation: Any, place: Sequence[int | str]) -> Iterator[type[BaseModel]]:
    """The tables that may stand at a place of a recipe, unions and lists looked through."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        if not place:
            yield annotation
        elif str(place[0]) in annotation.model_fields:
            yield from _models_at(annotation.model_fields[str(place[0])].annotation, place[1:])
        elif _tagged(annotation, place[0]):
            yield from _models_at(annotation, place[1:])
        return
    inner = place[1:] if place and isinstance(place[0], int) else place
    for argument in get_args(annotation):
        if argument is not type(None):
            yield from _models_at(argument, inner)


def _tagged(model: type[BaseModel], tag: int | str) -> bool:
    """Whether a step of pydantic's path is the tag of a union's member."""
    return any(tag in get_args(field.annotation) for field in model.model_fields.values())
