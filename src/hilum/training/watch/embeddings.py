"""Accidents of learning without labels: embeddings that no longer tell pictures apart."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from hilum.training.watch.outputs import Accident

EMBEDDING = "embedding"
"""Kind of a task without findings whose outputs are embeddings."""

COLLAPSED = 0.1
"""Standard deviation, in parts of the 1 that the loss asks for, below which pictures are one."""


def spread(embeddings: NDArray[np.float32]) -> float:
    """Standard deviation over pictures, the mean over the numbers of an embedding.

    Args:
        embeddings: finite, [pictures, width].
    """
    return float(embeddings.astype(np.float64).std(0).mean())


def effective_rank(embeddings: NDArray[np.float32]) -> float:
    """Directions in which embeddings differ: e to the entropy of their shares; 0 for none.

    Args:
        embeddings: finite, [pictures, width].

    Source: Roy and Vetterli 2007, of the singular values about the mean; Garrido et al. 2023
    (RankMe) show that it follows what can be learnt from embeddings.
    """
    values = embeddings.astype(np.float64)
    sizes = np.linalg.svd(values - values.mean(0), compute_uv=False)
    if not sizes.sum() > 0:
        return 0.0
    share = sizes / sizes.sum()
    share = share[share > 0]
    return float(np.exp(-(share * np.log(share)).sum()))


def collapsed(embeddings: NDArray[np.float32]) -> Accident | None:
    """Whether all pictures are given nearly the same.

    Args:
        embeddings: finite, [pictures, width].
    """
    found = spread(embeddings)
    if len(embeddings) < 2 or found >= COLLAPSED:
        return None
    return Accident(
        "collapsed",
        f"Embeddings of {len(embeddings):,} training pictures spread by {found:.2g} (standard "
        f"deviation, mean of {embeddings.shape[1]:,} numbers; the loss asks for 1), in "
        f"{effective_rank(embeddings):.1f} directions. All pictures are given nearly the same.",
        size=COLLAPSED / max(found, 1e-12),
    )
