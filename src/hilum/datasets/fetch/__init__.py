"""Downloads that go on where they stopped, and archives unpacked safely."""

from hilum.datasets.fetch.many import Fetched, Step, fetch
from hilum.datasets.fetch.server import Settings
from hilum.datasets.fetch.unpacking import Unpacked, folder_of, unpack, unpacked_before
from hilum.datasets.fetch.wanted import Checksum, Wanted, checksum, read_list, shown

__all__ = [
    "Checksum",
    "Fetched",
    "Settings",
    "Step",
    "Unpacked",
    "Wanted",
    "checksum",
    "fetch",
    "folder_of",
    "read_list",
    "shown",
    "unpack",
    "unpacked_before",
]
