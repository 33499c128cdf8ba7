"""A network's backbone with what turns its features into embeddings."""

from __future__ import annotations

from torch import Tensor, channels_last, nn

from hilum.models.backbones import Backbone
from hilum.models.network import Network


class Siamese(nn.Module):
    """One backbone that looks at two views of each picture.

    Layers between features and embeddings are normalised row by row, not over a batch as in the
    paper: batches may then be worked off in parts.

    Args:
        network: whose backbone learns, in place.
        width: of the embeddings.
    """

    def __init__(self, network: Network, width: int) -> None:
        super().__init__()
        self.network = network
        layers: list[nn.Module] = []
        for inside in (network.backbone.width, width):
            layers += [nn.Linear(inside, width), nn.LayerNorm(width), nn.ReLU()]
        self.head = nn.Sequential(*layers, nn.Linear(width, width))

    @property
    def backbone(self) -> Backbone:
        """Of the network."""
        return self.network.backbone

    def forward(self, pairs: Tensor) -> Tensor:
        """Embeddings [pictures, 2 width] of two views [pictures, 2, 1, rows, columns]."""
        return self._embedded(self.network.map(_flat(pairs)))

    def beyond(self, pairs: Tensor, cut: str) -> Tensor:
        """The same from activations at a cut, [pictures, 2, *activation]."""
        return self._embedded(self.network.map_beyond(_flat(pairs), cut))

    def _embedded(self, found: Tensor) -> Tensor:
        embeddings = self.head(self.network.features(found))
        return embeddings.reshape(len(embeddings) // 2, -1)


def _flat(pairs: Tensor) -> Tensor:
    flat = pairs.flatten(0, 1)
    return flat.contiguous(memory_format=channels_last) if flat.ndim == 4 else flat
