"""Heads: from the feature maps of a backbone to raw outputs."""

from __future__ import annotations

from hilum.errors import RecipeError
from hilum.models.heads.head import Head
from hilum.registry import Registry, unknown

__all__ = ["HEADS", "Head", "build_head"]

HEADS = Registry(
    "head",
    [
        ("linear", "hilum.models.heads.linear:Linear"),
        ("concat-pool", "hilum.models.heads.concat_pool:ConcatPool"),
        ("attention", "hilum.models.heads.attention:Attention"),
    ],
)
"""Name → ``(width, outputs, *, views, dropout) -> Head``."""


def build_head(
    name: str, width: int, outputs: int, *, views: int = 1, dropout: float | None = None
) -> Head:
    """A head, its last layer at zero, so that the first steps move it and not the backbone.

    Args:
        name: a name in :data:`HEADS`.
        width: channels of a map.
        outputs: raw outputs.
        views: maps whose vectors are joined end to end; 1 where they are averaged.
        dropout: share dropped in training, in [0, 1); None: what the head has by default.

    Raises:
        RecipeError: no such head, or a dropout out of range.
    """
    if name not in HEADS:
        raise RecipeError(unknown("head", name, HEADS))
    if dropout is not None and not 0.0 <= dropout < 1.0:
        raise RecipeError(f"dropout must lie in [0, 1), got {dropout:g}.")
    return HEADS.resolve(name)(width, outputs, views=views, dropout=dropout)
