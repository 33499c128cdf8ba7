"""What frozen networks give for the radiographs, computed once and remembered."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn.functional import conv2d, relu

from hilum.bundles import load
from hilum.bundles.card import Preprocessing
from hilum.domain import LabelTable
from hilum.models.backbones import build_backbone
from hilum.models.backbones.backbone import Backbone
from hilum.models.weights import start
from hilum.models.weights.bundle import backbone_of
from hilum.models.weights.file import read_safetensors
from hilum.training.rows import PLAIN, Item, Labelled, Rows, batch_of, load_images

SIZE = (224, 224)
BATCH = 16


@dataclass(frozen=True, slots=True)
class Eye:
    """A frozen network.

    Attributes:
        name: short, of files.
        backbone: "" for the one of the bundle.
        weights: as a recipe names them.
        value_range: what grey 0 and 1 become in front of the network.
        learnt_range: what the network takes grey 0 and 1 to be; None: what it is shown.
        classifier: whether its classifier follows, as fastai's cuts 2 and 20 have it.
    """

    name: str
    backbone: str
    weights: str
    value_range: tuple[float, float] = (0.0, 1.0)
    learnt_range: tuple[float, float] | None = None
    classifier: bool = False


SIGNED = (-1.0, 1.0)
SQUEEZENET = ("squeezenet1_0", "squeezenet1_0.fp16.safetensors")
EYES = (
    Eye("squeezenet1_0", *SQUEEZENET, value_range=SIGNED),
    # its weights want -1 to 1 and are shown 0 to 1, as where fastai's normalising is left out
    Eye("squeezenet1_0-raw", *SQUEEZENET, learnt_range=SIGNED),
    Eye("squeezenet1_0-classifier", *SQUEEZENET, value_range=SIGNED, classifier=True),
    Eye("squeezenet1_1", "squeezenet1_1", "squeezenet1_1.fp16.safetensors"),
    Eye(
        "mobilenet_edgetpu_100",
        "mobilenet_edgetpu_100",
        "mobilenet_edgetpu_100.backbone.fp16.safetensors",
        value_range=SIGNED,
    ),
    Eye("chest14", "", "bundle:chest14"),
)


def eye(name: str) -> Eye:
    """The frozen network of a name."""
    return next(one for one in EYES if one.name == name)


def pooled(
    one: Eye, table: LabelTable, data: Path, weights: Path, store: Path
) -> NDArray[np.float32]:
    """Maxima and averages of a frozen network's map, [images, 2 · width], as S4's head pools them.

    Args:
        one: the network.
        table: of the images.
        data: folder that they lie in.
        weights: folder of weights.
        store: folder of what is remembered.

    Raises:
        RecipeError: the weights are not there.
        RunError: a radiograph cannot be read.
    """
    shown = _input(one)
    backbone = build_backbone(one.backbone or backbone_of(one.weights), size=shown.size)
    learnt = shown.model_copy(update={"value_range": one.learnt_range or one.value_range})
    began = start(backbone, one.weights, folder=weights, input=learnt if one.backbone else shown)
    said = [repr(one), began.sha256 if began else "", *table.images.tolist()]
    mark = hashlib.sha256("".join(map(str, said)).encode()).hexdigest()[:12]
    file = store / f"s4-{one.name}-{mark}.npy"
    if file.exists():
        return np.load(file)
    last = _classifier(weights / one.weights) if one.classifier else None
    found = _look(backbone.eval(), shown, table, data, store, last)
    partial = file.with_suffix(".partial.npy")
    np.save(partial, found)
    partial.replace(file)
    return found


def pictures(table: LabelTable, data: Path, store: Path, shown: Preprocessing) -> Tensor:
    """Radiographs as a network is shown them, float32 [images, 1, rows, columns].

    Raises:
        RunError: one cannot be read.
    """
    cache = store / f"s4-images-{shown.size[0]}-{shown.fit}"
    store.mkdir(parents=True, exist_ok=True)
    pack = load_images(table, data, shown, cache)
    nothing = np.zeros((len(table), 1), np.float32)
    known = Labelled(nothing, nothing > 0, table.patients)
    rows = Rows(pack, known, np.arange(len(table)), spec=shown)
    made = [rows[PLAIN, at] for at in range(len(rows))]
    assert all(isinstance(item, Item) for item in made)  # load_images refuses damaged ones
    items = batch_of(made).items
    assert items is not None
    return items.image


def _input(one: Eye) -> Preprocessing:
    if not one.backbone:
        return load(one.weights.removeprefix("bundle:")).card.preprocessing
    return Preprocessing(size=SIZE, value_range=one.value_range)


def _classifier(file: Path) -> tuple[Tensor, Tensor]:
    state, _ = read_safetensors(file)
    return state["classifier.1.weight"], state["classifier.1.bias"]


@torch.inference_mode()
def _look(
    backbone: Backbone,
    shown: Preprocessing,
    table: LabelTable,
    data: Path,
    store: Path,
    last: tuple[Tensor, Tensor] | None,
) -> NDArray[np.float32]:
    found = []
    for image in pictures(table, data, store, shown).split(BATCH):
        seen = backbone(image)
        if last is None:
            found.append(torch.cat([seen.amax((2, 3)), seen.mean((2, 3))], 1))
        else:  # the classifier ends in an average: of one place, maximum and average are the same
            scores = relu(conv2d(seen, *last)).mean((2, 3))
            found.append(torch.cat([scores, scores], 1))
    return torch.cat(found).numpy()
