"""Hilum reads chest radiographs: from DICOM, PNG, JPEG or TIFF to findings.

Example:
    >>> import hilum
    >>> reading = hilum.read("film.dcm")                      # doctest: +SKIP
    >>> [p.finding for p in reading.present]                  # doctest: +SKIP
    ['effusion']
"""

from __future__ import annotations

import sys
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from hilum.bundles import Bundle
    from hilum.domain import Reading
    from hilum.reading.rounds import Plan
    from hilum.transforms.rounds import RoundSet

__version__ = "0.1.0"

__all__ = ["__version__", "load_bundle", "read"]


def read(
    path: str | Path,
    bundle: Bundle | str | Path = "chest14",
    *,
    prevalence: Mapping[str, float] | None = None,
    mend: bool = False,
    rounds: Plan | RoundSet | str | Path | None = None,
) -> Reading:
    """Read one radiograph.

    To read many, make one :class:`hilum.reading.Reader` and call its ``read``: the bundle is then
    loaded once.

    Args:
        path: a DICOM, PNG, JPEG or TIFF file; an archive or a DICOMDIR with one image; or one in
            an archive: "study.zip/ward/1.dcm".
        bundle: a name from ``hilum bundles list``, a folder, a ``.hilum`` file, or a bundle that
            :func:`load_bundle` returned.
        prevalence: share of radiographs with a finding where this one comes from, in (0, 1), by
            finding (``{"pneumonia": 0.05}``); probabilities are restated for it.
        mend: put right what the picture shows beyond doubt to be wrong in its header; notes of the
            reading tell what was done.
        rounds: look several times and put it together, as :meth:`hilum.reading.Reader.of` takes
            it: "ten", say.

    Returns:
        The reading, with its heatmaps and the radiograph. It is research, and no diagnosis.

    Raises:
        IntakeError: the file could not become a radiograph.
        Refused: the gate does not take it for a frontal chest radiograph that the bundle can
            judge; the error's ``refusal`` holds the reasons and the picture.
        BundleError: the bundle cannot be loaded.
        RecipeError: no such rounds, or weights that lack a finding of the bundle.
        UnknownName: a prevalence for a finding that the bundle lacks.
        RunError: a prevalence that is out of range.
    """
    import os

    from hilum.domain import Refusal
    from hilum.errors import Refused
    from hilum.imaging import read as read_file
    from hilum.reading import Reader
    from hilum.transforms.preprocess import LONGEST_PX

    radiograph = read_file(Path(path), longest_px=LONGEST_PX, mend=mend)
    reader = Reader.of(
        bundle,
        threads=os.cpu_count() or 1,
        prevalence=prevalence,
        keep_radiograph=True,
        rounds=rounds,
    )
    found = reader(radiograph)
    if isinstance(found, Refusal):
        raise Refused(found.name, tuple(note.message for note in found.reasons), found)
    _show_in_notebooks()
    return found


def load_bundle(name: str | Path) -> Bundle:
    """Load a bundle and verify every file of it; nothing is unpickled.

    Args:
        name: a name from ``hilum bundles list``, a folder, or a ``.hilum`` file.

    Raises:
        BundleError: there is no such bundle, or its card or files are not sound.
    """
    from hilum.bundles import load

    return load(name)


def _show_in_notebooks() -> None:
    """Tell a running IPython how to draw a reading; readings themselves know no HTML."""
    if "IPython" not in sys.modules:
        return
    shell = sys.modules["IPython"].get_ipython()
    if shell is None:
        return
    from hilum.domain import Reading
    from hilum.report.notebook import reading_html

    shell.display_formatter.formatters["text/html"].for_type(Reading, reading_html)
