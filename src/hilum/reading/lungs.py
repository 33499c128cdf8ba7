"""Where the lungs lie on a radiograph: masks, boxes and crops, and whether to believe them."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from hilum.bundles import Bundle, load
from hilum.domain import Affine, GateVerdict, Note, Radiograph, Refusal
from hilum.errors import BundleError, IntakeError
from hilum.imaging import FoundFile
from hilum.imaging import read as read_file
from hilum.imaging.checks import measure
from hilum.reading.gate import Gate
from hilum.reading.lung_shape import (
    READING,
    LungShape,
    Mask,
    box_of,
    faults,
    largest_parts,
    measure_shape,
)
from hilum.runtime import Graph
from hilum.transforms.preprocess import prepare

STRUCTURES = ("lung_right", "lung_left")
"""The patient's sides; the right lung lies on the picture's left, unless that is mirrored."""

TURNED = "turned"
"""Code of the gate's flag, and of the concern, that a picture is not upright."""

UPSIDE_DOWN = 180
"""Degrees. The network draws two lungs all the same, and their shape does not tell."""

MARGIN = 0.05
"""What a crop leaves around the lungs on every side, as a share of their box's longer side."""

Box = tuple[float, float, float, float]
"""Left, top, width, height in pixels, from the outer corner of the top-left pixel."""


@dataclass(frozen=True, slots=True, eq=False)
class LungFields:
    """The lungs of one radiograph.

    Attributes:
        radiograph: what they were found on.
        masks: bool [2, rows, columns] on the radiograph's pixels, the patient's right and left
            lung: where the header says that the picture is mirrored, the right one lies on its
            right.
        shape: measures of the pair.
        concerns: what speaks against taking them for lungs. On a picture that is turned, the
            network draws two lungs all the same, and names their sides and ends the wrong way.
    """

    radiograph: Radiograph
    masks: Mask
    shape: LungShape
    concerns: tuple[Note, ...]

    @property
    def plausible(self) -> bool:
        """Whether the masks may be used: nothing speaks against them."""
        return not self.concerns

    @property
    def boxes(self) -> dict[str, Box]:
        """The smallest box around each lung, on the radiograph's pixels; zeros without one."""
        found = (box_of(mask) for mask in self.masks)
        return {
            name: (float(x), float(y), float(w), float(h))
            for name, (x, y, w, h) in zip(STRUCTURES, found, strict=True)
        }

    @property
    def box(self) -> Box:
        """The smallest box around both lungs."""
        x, y, w, h = box_of(self.masks[0] | self.masks[1])
        return (float(x), float(y), float(w), float(h))

    def crop(self, margin: float = MARGIN) -> tuple[int, int, int, int]:
        """The box to crop to: both lungs and the same margin on all four sides.

        Args:
            margin: share of the longer side of the box, at least 0.

        Returns:
            Left, top, width and height in whole pixels, cut at the edge of the picture.

        Raises:
            ValueError: the masks are not plausible, so nothing should be cut by them.
        """
        if not self.plausible:
            raise ValueError("no crop by masks that are not plausible")
        x, y, w, h = self.box
        rows, columns = self.radiograph.shape
        wide = margin * max(w, h)
        left, top = max(0, round(x - wide)), max(0, round(y - wide))
        right, bottom = min(columns, round(x + w + wide)), min(rows, round(y + h + wide))
        return left, top, right - left, bottom - top

    def in_file(self, box: Box) -> Box:
        """A box of the radiograph on the pixels of the stored picture."""
        x, y, w, h = box
        corners = self.radiograph.source.to_source([(x, y), (x + w, y + h)])
        (left, top), (right, bottom) = corners.min(0), corners.max(0)
        return (float(left), float(top), float(right - left), float(bottom - top))


@dataclass(frozen=True, slots=True, eq=False)
class LungReader:
    """Finds lungs with one bundle. May be called by several threads at once.

    Example:
        >>> lungs = LungReader.of("lungs")                       # doctest: +SKIP
        >>> lungs.read("film.dcm").box                           # doctest: +SKIP
        (212.0, 148.0, 1630.0, 1544.0)
    """

    bundle: Bundle
    gate: Gate
    graph: Graph

    @classmethod
    def of(
        cls,
        bundle: Bundle | str | Path = "lungs",
        *,
        threads: int = 1,
        runtime: str = "onnxruntime",
    ) -> LungReader:
        """Make a reader.

        Args:
            bundle: a bundle, a name from ``hilum bundles list``, a folder or a ``.hilum`` file.
            threads: threads of the network for one radiograph.
            runtime: what runs the graph; see :data:`hilum.runtime.RUNTIMES`.

        Raises:
            BundleError: the bundle cannot be loaded, or does not draw lungs.
        """
        loaded = bundle if isinstance(bundle, Bundle) else load(bundle)
        if loaded.card.structures != STRUCTURES:
            draws = ", ".join(loaded.card.structures) or "nothing"
            raise BundleError(
                f"bundle {loaded} draws {draws}, not {' and '.join(STRUCTURES)}; the one that "
                f"comes with the package is named lungs"
            )
        if loaded.card.preprocessing.crop:
            raise BundleError(f"bundle {loaded} finds lungs only after a crop to the lungs.")
        graph = Graph.open(loaded, threads=threads, runtime=runtime)
        return cls(loaded, Gate.of(loaded), graph)

    def read(
        self, path: str | Path | FoundFile, *, data: bytes | None = None, name: str | None = None
    ) -> LungFields | Refusal:
        """Find the lungs on one file, at its full size; what cannot be read becomes a refusal.

        Args:
            path: a DICOM, PNG, JPEG or TIFF file, as :func:`hilum.imaging.read` takes it.
            data: its bytes, where they are loaded already.
            name: what to call it; the file's own name when None.
        """
        called = name or (path.name if isinstance(path, FoundFile) else Path(path).name)
        try:
            radiograph = read_file(path, data=data, name=called)
        except IntakeError as error:
            return Refusal(called, "intake", (Note(error.code, str(error)),))
        return self(radiograph)

    def __call__(
        self, radiograph: Radiograph, looked: GateVerdict | None = None
    ) -> LungFields | Refusal:
        """Find the lungs on one radiograph.

        Args:
            radiograph: the picture.
            looked: what :meth:`hilum.reading.Gate.look` said of it, where it was asked already.

        Returns:
            The masks, plausible or not; or a refusal, when header or picture show that this is no
            frontal chest radiograph.
        """
        verdict = self.gate.look(radiograph) if looked is None else looked
        if not verdict.accepted:
            return self._refusal(radiograph, verdict.reasons)
        spec = self.bundle.card.preprocessing
        pixels, to_radiograph = prepare(radiograph.pixels, spec)
        maps = self.graph(pixels[None]).masks
        if maps is None or not np.isfinite(maps).all():
            note = Note("not-finite", "The network gave no finite number for this picture.")
            return self._refusal(radiograph, (note,))
        high, wide = spec.size
        log_odds = np.stack(
            [cv2.resize(plane, (wide, high), interpolation=cv2.INTER_LINEAR) for plane in maps[0]]
        )
        probabilities = (1 / (1 + np.exp(-log_odds))).astype(np.float32)
        lungs = largest_parts(log_odds >= 0)
        (across, _, _), (_, down, _) = to_radiograph.matrix
        shape = measure_shape(probabilities, lungs, aspect=across / down)
        masks = _enlarged(log_odds, lungs, to_radiograph, radiograph.shape)
        if radiograph.acquisition.mirrored:  # the network knows the picture's sides alone
            masks = np.ascontiguousarray(masks[::-1])
            shape = _other_sides(shape)
        concerns = (*_turned(radiograph, verdict), *faults(shape, READING))
        return LungFields(radiograph, masks, shape, concerns)

    def _refusal(self, radiograph: Radiograph, reasons: tuple[Note, ...]) -> Refusal:
        return Refusal(radiograph.source.name, "gate", reasons, radiograph.acquisition)


def _other_sides(shape: LungShape) -> LungShape:
    """Measures of a pair whose lungs change their names."""
    return replace(
        shape,
        area=shape.area[::-1],
        tallness=shape.tallness[::-1],
        solidity=shape.solidity[::-1],
    )


def _turned(radiograph: Radiograph, looked: GateVerdict) -> tuple[Note, ...]:
    """Why upper and lower, right and left are not known: by the picture, or by the header.

    A picture that seems turned by a quarter is not doubted for that: such flags are mostly wrong,
    and of radiographs that are turned so the shape of the masks tells.
    """
    seen = tuple(note for note in looked.flags if note.code == TURNED)
    if seen and measure(radiograph.pixels).pose[0] == UPSIDE_DOWN:
        return seen
    if not radiograph.acquisition.turned:
        return ()
    said = "\\".join(radiograph.acquisition.patient_orientation)
    message = f"Patient Orientation {said}: the picture is stored turned, the head not at the top."
    return (Note(TURNED, message),)


def _enlarged(
    log_odds: NDArray[np.float32],
    lungs: Mask,
    to_radiograph: Affine,
    shape: tuple[int, int],
) -> Mask:
    """Masks on the radiograph: log-odds are interpolated, so that outlines have no steps."""
    sure = np.float32(4)
    rows, columns = shape
    half = Affine.shift(0.5, 0.5)  # OpenCV counts from the centre of the first pixel
    matrix = np.asarray(half.then(to_radiograph.inverse()).then(half.inverse()).matrix)
    planes: list[Mask] = []
    for plane, lung in zip(log_odds, lungs, strict=True):
        kept = np.where(lung, np.maximum(plane, 0.01), np.minimum(plane, -0.01))
        kept = np.clip(kept, -sure, sure).astype(np.float32)
        large = cv2.warpAffine(
            kept,
            matrix,
            (columns, rows),
            flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP,
            borderMode=cv2.BORDER_REPLICATE,
        )
        planes.append(np.asarray(large) > 0)
    return np.stack(planes)
