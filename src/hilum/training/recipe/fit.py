"""The part of a recipe that says how long, in what pieces and in what arithmetic is learnt."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from hilum.training.recipe.part import Part


class Fit(Part):
    """The loop.

    Attributes:
        epochs: at most; passes over what the sampling shows.
        batch: images that one step of the optimiser learns from, whatever fits into memory: a
            batch that does not is worked off in parts, and the step is the same (but for batch
            normalisation that learns, which sees the parts).
        average: decay a step of the exponential average of the weights that is kept; less in the
            first steps, so that short runs are averaged too; 0 for none.
        clip: largest norm of the gradient.
        mixup: parameter of the Beta distribution that mixes two images; 0 for none.
        views: augmented views of each radiograph that are carried through the frozen part once
            and remembered (disk: views × radiographs × activations at two bytes); 0 draws new
            ones in every epoch. Needs ``model.freeze`` and ``model.batch_norm = "frozen"``.
        best: what the tuning rows choose the checkpoint by: "auroc", "average-precision",
            "accuracy", "balanced-accuracy", "f1" or "loss", of all findings or of one
            ("auroc:pneumonia"); "auroc-within" compares within strata. Of a segmentation: "dice"
            (its default), "iou" or "loss", of all structures or of one. Of a detection: "ap50" (its
            default), "froc" or "loss", of all kinds or of one. "last" chooses nothing:
            the network of the last epoch is kept, and the rows that would have chosen are learnt
            from too.
        patience: epochs without a better one after which the run stops; 0 for none.
        keep_every: steps after which a long epoch is kept; its end always is.
        precision: "auto" computes in bfloat16 where the processor or GPU is made for it.
        compile: hand the network to torch.compile; "auto" does on a GPU, in a run of more than
            2,000 steps.
        workers: processes that prepare batches; "auto" for none beside a processor that computes
            and one a core, at most eight, beside a GPU.
        memory_gb: memory that training may take; 0 for what is free.
    """

    epochs: Annotated[int, Field(ge=1, le=10_000)] = 12
    batch: Annotated[int, Field(ge=2, le=65_536)] = 32
    average: Annotated[float, Field(ge=0, lt=1)] = 0.99
    clip: Annotated[float, Field(gt=0)] = 1.0
    mixup: Annotated[float, Field(ge=0, le=2)] = 0.0
    views: Annotated[int, Field(ge=0, le=100)] = 0
    best: str = "auroc"
    patience: Annotated[int, Field(ge=0)] = 0
    keep_every: Annotated[int, Field(ge=1)] = 500
    precision: Literal["auto", "float32", "bfloat16"] = "auto"
    compile: Literal["auto"] | bool = "auto"
    workers: Literal["auto"] | Annotated[int, Field(ge=0, le=256)] = "auto"
    memory_gb: Annotated[float, Field(ge=0)] = 0.0
