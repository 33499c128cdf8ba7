"""Files → radiographs: the only place where pixels are decoded."""

from hilum.imaging import checks
from hilum.imaging.archive import InOrder
from hilum.imaging.checks import PictureFacts
from hilum.imaging.encode import encode_jpeg, encode_png
from hilum.imaging.files import FileList, FoundFile, find_files
from hilum.imaging.inspection import Inspection, inspect
from hilum.imaging.intake import check_reduced, load, read
from hilum.imaging.isolation import close_decoders, decoders_replaced, isolate_decoders
from hilum.imaging.write import DicomFacts, write_dicom

__all__ = [
    "DicomFacts",
    "FileList",
    "FoundFile",
    "InOrder",
    "Inspection",
    "PictureFacts",
    "check_reduced",
    "checks",
    "close_decoders",
    "decoders_replaced",
    "encode_jpeg",
    "encode_png",
    "find_files",
    "inspect",
    "isolate_decoders",
    "load",
    "read",
    "write_dicom",
]
