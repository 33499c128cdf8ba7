"""From examples to a trained network: rounds of labelling and training, resumable."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import torch

from hilum.errors import RunError
from hilum.models.segmentation import Segmenter, build_encoder, freeze_stages
from hilum.training.lungs.drawn import STRUCTURES
from hilum.training.lungs.opacities import paint
from hilum.training.lungs.recipe import LungsRecipe
from hilum.training.lungs.rounds import label
from hilum.training.segmentation.examples import Examples
from hilum.training.segmentation.fit import fit_segmenter


@dataclass(frozen=True, slots=True, eq=False)
class Made:
    """A network at the end of its rounds.

    Attributes:
        network: with averaged weights, in evaluation mode.
        examples: with the masks that the last round learnt from.
        weights_digest: SHA-256 of the weights it began with; "" without.
        story: what each round did, by name.
    """

    network: Segmenter
    examples: Examples
    weights_digest: str
    story: list[dict[str, Any]]


def make_network(
    recipe: LungsRecipe,
    examples: Examples,
    *,
    weights: Path,
    out: Path,
    say: Callable[[str], None] = lambda _: None,
) -> Made:
    """Train through all rounds, going on where an earlier call stopped.

    Args:
        recipe: what to do.
        examples: drawn chests with masks and radiographs, as :mod:`hilum.training.lungs.data`
            makes them, of the size of the recipe's input.
        weights: folder of the weights to begin with.
        out: the run's folder: a folder a round with its checkpoint and ``labelled/``.
        say: told how far it is.

    Raises:
        RunError: ``out`` holds a run of another recipe, or the examples are of another size.
        RecipeError: the weights do not fit.
    """
    out.mkdir(parents=True, exist_ok=True)
    _claim(out / "recipe.json", recipe.model_dump_json(indent=1))
    if examples.pictures.shape[1:] != recipe.input.size:
        raise RunError(
            f"the examples are {list(examples.pictures.shape[1:])}, the recipe's input is "
            f"{list(recipe.input.size)}: make them anew with --side"
        )
    torch.manual_seed(recipe.seed)
    said = recipe.model
    encoder, digest = build_encoder(said.backbone, weights / said.weights if said.weights else None)
    network = Segmenter(encoder, len(STRUCTURES), stages=said.stages, width=said.width)
    freeze_stages(network, said.frozen)
    story: list[dict[str, Any]] = []
    for at, step in enumerate(recipe.round):
        folder = out / f"round-{at}"
        told: dict[str, Any] = {"round": at, "masks": step.masks}
        if step.masks != "drawn":
            examples, counts = _labelled(network, examples, recipe, step.masks, folder)
            told |= counts
        say(json.dumps(told))
        average = fit_segmenter(
            network,
            with_fewer_drawn(examples, step.drawn_share),
            recipe.input,
            recipe.fit_of(at),
            folder=folder,
            paint=paint,
            say=say,
        )
        network.load_state_dict(average.state_dict())
        lines = (folder / "epochs.jsonl").read_text("utf-8").splitlines()
        story.append(told | {"fit": asdict(recipe.fit_of(at)), "last": json.loads(lines[-1])})
    return Made(network.eval(), examples, digest, story)


def with_fewer_drawn(examples: Examples, share: float) -> Examples:
    """The same rows, of which only the first of the drawn chests to learn from have masks."""
    rows = [int(row) for row in examples.rows("train") if examples.mask_from[row] == "drawn"]
    left_out = set(rows[round(share * len(rows)) :])
    makers = ("" if at in left_out else by for at, by in enumerate(examples.mask_from))
    return replace(examples, mask_from=tuple(makers))


def _labelled(
    network: Segmenter, examples: Examples, recipe: LungsRecipe, masks: str, folder: Path
) -> tuple[Examples, dict[str, Any]]:
    kept = folder / "labelled.json"
    if kept.exists():
        return Examples.load(folder / "labelled"), json.loads(kept.read_text("utf-8"))
    found = label(network, examples, recipe.input, teaching=masks == "teacher")
    counts = {"kept": found.kept, "of": found.of, "why_not": found.why_not}
    found.examples.save(folder / "labelled")
    kept.write_text(json.dumps(counts), encoding="utf-8")
    return found.examples, counts


def _claim(file: Path, said: str) -> None:
    if file.exists() and file.read_text(encoding="utf-8") != said:
        raise RunError(f"{file.parent} holds a run of another recipe; choose another folder")
    file.write_text(said, encoding="utf-8")
