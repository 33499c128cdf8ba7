"""Radiographs decoded once, into memory-mapped shards that training reads at random.

Reading a pack needs numpy alone; what fills one is in :mod:`hilum.datasets.pack.packing`.
"""

from hilum.datasets.pack.layout import FITS, PackSpec, is_pack
from hilum.datasets.pack.reader import Pack

__all__ = ["FITS", "Pack", "PackSpec", "is_pack"]
