"""From a radiograph to a reading: gate → network → calibration → heatmaps."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from hilum.bundles import Bundle, load
from hilum.domain import (
    GateVerdict,
    Note,
    Radiograph,
    Reading,
    Refusal,
)
from hilum.errors import BundleError, IntakeError
from hilum.imaging import FoundFile, check_reduced
from hilum.imaging import read as read_file
from hilum.reading.gate import Gate
from hilum.reading.rounds import Plan, several
from hilum.reading.rounds import plan as plan_of
from hilum.reading.rounds.checking import fitted
from hilum.reading.scale import Scale
from hilum.reading.seen import once
from hilum.runtime import Graph
from hilum.transforms.preprocess import LONGEST_PX
from hilum.transforms.rounds import RoundSet


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
    rounds: Plan | None = None

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
        rounds: Plan | RoundSet | str | Path | None = None,
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
            rounds: look several times and put it together: a name in
                :data:`hilum.transforms.rounds.SETS`, a TOML file, a set or a plan.

        Raises:
            BundleError: the bundle cannot be loaded, or has no findings.
            RecipeError: no such rounds; weights that lack a finding of the bundle; weights or
                operating points of one that it lacks; or crops that need too large a picture.
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
        scale = Scale.of(loaded.card, prevalence or {})
        plan = None if rounds is None else fitted(plan_of(rounds), scale)
        return cls(
            bundle=loaded,
            scale=scale,
            gate=Gate.of(loaded),
            graph=Graph.open(loaded, threads=threads, runtime=runtime),
            heatmaps=heatmaps,
            keep_radiograph=keep_radiograph,
            reduced=reduced,
            mend=mend,
            rounds=plan,
        )

    @property
    def prevalence(self) -> str:
        """In words: "training", or "effusion=0.05, mass=0.01"."""
        return self.scale.prevalence

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
        found = self.radiograph(path, data=data, name=name)
        return found if isinstance(found, Refusal) else self(found)

    def radiograph(
        self,
        path: str | Path | FoundFile,
        *,
        data: bytes | None = None,
        name: str | None = None,
    ) -> Radiograph | Refusal:
        """The picture of one file, as :meth:`read` looks at it; or why there is none.

        Args:
            path: a DICOM, PNG, JPEG or TIFF file, as :func:`hilum.imaging.read` takes it.
            data: its bytes, where they are loaded already.
            name: what to call it; the file's own name when None.
        """
        called = name or (path.name if isinstance(path, FoundFile) else Path(path).name)
        try:
            return read_file(
                path,
                data=data,
                name=called,
                longest_px=LONGEST_PX,
                reduced=self.reduced,
                mend=self.mend,
            )
        except IntakeError as error:
            return Refusal(called, "intake", (Note(error.code, str(error)),))

    def __call__(
        self, radiograph: Radiograph, looked: GateVerdict | None = None
    ) -> Reading | Refusal:
        """Read one radiograph.

        Args:
            radiograph: the picture.
            looked: what :meth:`hilum.reading.Gate.look` said of it, where it was asked already:
                that is the same for every bundle.

        Returns:
            A reading; or a refusal, when the gate does not take the picture for a frontal chest
            radiograph that the bundle can judge.
        """
        verdict = self.gate.look(radiograph) if looked is None else looked
        if not verdict.accepted:
            return self.refusal(radiograph, verdict)
        plan = self.rounds
        seen = once(self, radiograph) if plan is None else several(self, plan, radiograph)
        if seen is None:
            note = Note("not-finite", "The network gave no finite number for this picture.")
            verdict = GateVerdict((note,), verdict.flags, limit=verdict.limit)
            return self.refusal(radiograph, verdict)
        verdict = self.gate.judge(verdict, seen.features)
        if not verdict.accepted:
            return self.refusal(radiograph, verdict)
        return Reading(
            source=radiograph.source,
            acquisition=radiograph.acquisition,
            bundle=str(self.bundle),
            bundle_digest=self.bundle.digest,
            predictions=seen.predictions,
            gate=verdict,
            heatmaps=seen.heatmaps,
            notes=(*radiograph.notes, *verdict.flags, *seen.notes),
            prevalence=self.scale.prevalence,
            radiograph=radiograph if self.keep_radiograph else None,
            rounds=seen.rounds,
        )

    def refusal(self, radiograph: Radiograph, verdict: GateVerdict) -> Refusal:
        """The refusal of a picture that the gate does not accept."""
        return Refusal(
            name=radiograph.source.name,
            stage="gate",
            reasons=verdict.reasons,
            acquisition=radiograph.acquisition,
            gate=verdict,
            radiograph=radiograph if self.keep_radiograph else None,
        )
