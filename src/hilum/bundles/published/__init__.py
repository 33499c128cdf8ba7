"""Networks that others publish and that `hilum bundles pull` turns into bundles: what is known."""

from hilum.bundles.published.catalogue import Output, PublishedNetwork, networks, published

__all__ = ["Output", "PublishedNetwork", "networks", "published"]
