"""From a radiograph to a reading: gate → network → calibration → heatmaps."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from hilum.bundles import Bundle, load
from hilum.domain import (
    Affine,
    GateVerdict,
    Heatmap,
    Note,
    Radiograph,
    Reading,
    Refusal,
)
from hilum.errors import BundleError, IntakeError
from hilum.imaging import FoundFile, check_reduced
from hilum.imaging import read as read_file
from hilum.reading.gate import Gate
from hilum.reading.scale import Scale
from hilum.runtime import Graph
from hilum.transforms.preprocess import LONGEST_PX, prepare


@dataclass(frozen=True, slots=True, eq=False)
class Reader:
    """Reads radiographs with one bundle. May be called by several threads at once.

    Example:
        >>> reader = Reader.of("chest14")                        # doctest: +SKIP
        >>> reader.read("film.dcm")["effusion"].probability      # doctest: +SKIP
        0.31
    """

    bundle: Bundle
    gate: Gate
    graph: Graph
    scale: Scale
    heatmaps: bool = True
    keep_radiograph: bool = False
    reduced: bool = False
    mend: bool = False

    @classmethod
    def of(  # noqa: PLR0913  (each is a choice of its own)
        cls,
        bundle: Bundle | str | Path,
        *,
        threads: int = 1,
        prevalence: Mapping[str, float] | None = None,
        heatmaps: bool = True,
        keep_radiograph: bool = False,
        reduced: bool = False,
        mend: bool = False,
        runtime: str = "onnxruntime",
    ) -> Reader:
        """Make a reader.

        Args:
            bundle: a bundle, a name from ``hilum bundles list``, a folder or a ``.hilum`` file.
            threads: threads of the network for one radiograph.
            prevalence: share of radiographs with a finding where these come from, by key or label
                of the finding, in (0, 1). Probabilities and operating points are restated for it,
                so decisions stay. Findings left out keep the prevalence of the training rows.
            heatmaps: whether readings hold heatmaps.
            keep_radiograph: whether readings and refusals hold the picture.
            reduced: decode JPEG 2000 and HTJ2K at a lower resolution where the longest side keeps
                1,024 px: three times faster, edges off by some grey levels.
            mend: put right what a picture shows beyond doubt to be wrong in its header.
            runtime: what runs the graph; see :data:`hilum.runtime.RUNTIMES`.

        Raises:
            BundleError: the bundle cannot be loaded, or has no findings.
            UnknownName: no such runtime, or a prevalence for a finding that the bundle lacks.
            RunError: a prevalence that is out of range, or cannot be restated for.
            MissingExtra: the runtime, or what ``reduced`` needs, is not installed.
        """
        if reduced:
            check_reduced(LONGEST_PX)
        loaded = bundle if isinstance(bundle, Bundle) else load(bundle)
        if not loaded.card.findings:
            raise BundleError(
                f"bundle {loaded} has no findings to read: it draws "
                f"{', '.join(loaded.card.structures)}; use `hilum lungs`, or name another bundle"
            )
        return cls(
            bundle=loaded,
            scale=Scale.of(loaded.card, prevalence or {}),  # first: it is quick to fail
            gate=Gate.of(loaded),
            graph=Graph.open(loaded, threads=threads, runtime=runtime),
            heatmaps=heatmaps,
            keep_radiograph=keep_radiograph,
            reduced=reduced,
            mend=mend,
        )

    def read(
        self,
        path: str | Path | FoundFile,
        *,
        data: bytes | None = None,
        name: str | None = None,
    ) -> Reading | Refusal:
        """Read one file; what cannot be read becomes a refusal.

        Args:
            path: a DICOM, PNG, JPEG or TIFF file, as :func:`hilum.imaging.read` takes it.
            data: its bytes, where they are loaded already.
            name: what to call it; the file's own name when None.
        """
        called = name or (path.name if isinstance(path, FoundFile) else Path(path).name)
        try:
            radiograph = read_file(
                path,
                data=data,
                name=called,
                longest_px=LONGEST_PX,
                reduced=self.reduced,
                mend=self.mend,
            )
        except IntakeError as error:
            return Refusal(called, "intake", (Note(error.code, str(error)),))
        return self(radiograph)

    def __call__(self, radiograph: Radiograph) -> Reading | Refusal:
        """Read one radiograph.

        Returns:
            A reading; or a refusal, when the gate does not take the picture for a frontal chest
            radiograph that the bundle can judge.
        """
        verdict = self.gate.look(radiograph)
        if not verdict.accepted:
            return self._refusal(radiograph, verdict)
        pixels, to_radiograph = prepare(radiograph.pixels, self.bundle.card.preprocessing)
        out = self.graph(pixels[None])
        ends = (out.logits, out.features, out.cams)
        if not all(np.isfinite(end).all() for end in ends if end is not None):
            note = Note("not-finite", "The network gave no finite number for this picture.")
            verdict = GateVerdict((note,), verdict.flags, limit=verdict.limit)
            return self._refusal(radiograph, verdict)
        verdict = self.gate.judge(verdict, None if out.features is None else out.features[0])
        if not verdict.accepted:
            return self._refusal(radiograph, verdict)
        maps = out.cams[0] if self.heatmaps and out.cams is not None else None
        return Reading(
            source=radiograph.source,
            acquisition=radiograph.acquisition,
            bundle=str(self.bundle),
            bundle_digest=self.bundle.digest,
            predictions=self.scale.predictions(out.logits[0]),
            gate=verdict,
            heatmaps=() if maps is None else self._heatmaps(maps, to_radiograph),
            notes=(*radiograph.notes, *verdict.flags),
            prevalence=self.scale.prevalence,
            radiograph=radiograph if self.keep_radiograph else None,
        )

    def _heatmaps(self, maps: NDArray[np.float32], to_radiograph: Affine) -> tuple[Heatmap, ...]:
        card = self.bundle.card
        high, wide = card.preprocessing.size
        rows, columns = maps.shape[1:]
        to_input = Affine.scale(wide / columns, high / rows)
        place = to_input.then(to_radiograph)
        return tuple(Heatmap(key, maps[i], place) for i, key in enumerate(card.keys))

    def _refusal(self, radiograph: Radiograph, verdict: GateVerdict) -> Refusal:
        return Refusal(
            name=radiograph.source.name,
            stage="gate",
            reasons=verdict.reasons,
            acquisition=radiograph.acquisition,
            gate=verdict,
            radiograph=radiograph if self.keep_radiograph else None,
        )
