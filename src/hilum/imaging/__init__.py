"""Files → radiographs: the only place where pixels are decoded."""

from hilum.imaging import checks
from hilum.imaging.checks import PictureFacts
from hilum.imaging.encode import encode_jpeg, encode_png
from hilum.imaging.files import FileList, FoundFile, find_files
from hilum.imaging.inspection import Inspection, inspect
from hilum.imaging.intake import read
from hilum.imaging.write import DicomFacts, write_dicom

__all__ = [
    "DicomFacts",
    "FileList",
    "FoundFile",
    "Inspection",
    "PictureFacts",
    "checks",
    "encode_jpeg",
    "encode_png",
    "find_files",
    "inspect",
    "read",
    "write_dicom",
]
