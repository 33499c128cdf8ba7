"""From a radiograph to a reading: gate → network → calibration → heatmaps."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from hilum.bundles import Bundle, load
from hilum.domain import FoundBox, GateVerdict, Note, Radiograph, Reading, Refusal
from hilum.errors import BundleError, IntakeError
from hilum.imaging import FoundFile, check_reduced
from hilum.imaging import read as read_file
from hilum.reading.boxes.finding import boxed
from hilum.reading.boxes.placing import placed
from hilum.reading.cropping import lungs_for, part_of, said, why
from hilum.reading.gate import Gate
from hilum.reading.lungs import LungFields, LungReader
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
    boxes: bool = False
    lungs: LungReader | None = None

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
        boxes: bool = False,
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
            boxes: whether readings say where findings lie, with the zones of the lungs.

        Raises:
            BundleError: the bundle cannot be loaded, or has no findings; boxes are asked for, and
                it draws none; or it looks at lungs that another bundle finds than is here.
            RecipeError: no such rounds; weights that lack a finding of the bundle; weights or
                operating points of one that it lacks; or crops that need too large a picture.
            UnknownName: no such runtime, or a prevalence for a finding that the bundle lacks.
            RunError: a prevalence that is out of range, or cannot be restated for.
            MissingExtra: the runtime, or what ``reduced`` needs, is not installed.
        """
        if reduced:
            check_reduced(LONGEST_PX)
        loaded = bundle if isinstance(bundle, Bundle) else load(bundle)
        _check(loaded, boxes=boxes)
        needs_lungs = boxes or loaded.card.preprocessing.crop
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
            boxes=boxes,
            lungs=lungs_for(loaded, threads=threads, runtime=runtime) if needs_lungs else None,
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
        spec, plan = self.bundle.card.preprocessing, self.rounds
        lungs = self.lungs(radiograph, verdict) if self.lungs is not None and spec.crop else None
        part, cropped = (None, ()) if lungs is None else part_of(radiograph, lungs, spec)
        if plan is None:
            seen = once(self, radiograph, part)
        else:
            seen = several(self, plan, radiograph, part)
        if seen is None:
            note = Note("not-finite", "The network gave no finite number for this picture.")
            verdict = GateVerdict((note,), verdict.flags, limit=verdict.limit)
            return self.refusal(radiograph, verdict)
        verdict = self.gate.judge(verdict, seen.features)
        if not verdict.accepted:
            return self.refusal(radiograph, verdict)
        boxes, unplaced = self._placed(seen.boxes, radiograph, verdict, lungs)
        return Reading(
            source=radiograph.source,
            acquisition=radiograph.acquisition,
            bundle=str(self.bundle),
            bundle_digest=self.bundle.digest,
            predictions=seen.predictions,
            gate=verdict,
            heatmaps=seen.heatmaps,
            notes=(*radiograph.notes, *verdict.flags, *cropped, *seen.notes, *unplaced),
            prevalence=self.scale.prevalence,
            radiograph=radiograph if self.keep_radiograph else None,
            rounds=seen.rounds,
            boxed=boxed(self.bundle.card, seen.predictions) if self.boxes else (),
            boxes=boxes,
        )

    def _placed(
        self,
        boxes: tuple[FoundBox, ...],
        radiograph: Radiograph,
        looked: GateVerdict,
        lungs: LungFields | Refusal | None,
    ) -> tuple[tuple[FoundBox, ...], tuple[Note, ...]]:
        """Boxes with their zones, and a note where those cannot be told."""
        if not boxes or self.lungs is None:
            return boxes, ()
        fields = self.lungs(radiograph, looked) if lungs is None else lungs
        if isinstance(fields, LungFields) and fields.plausible:
            return placed(boxes, radiograph, fields), ()
        told = f"{why(fields)}, so boxes have no zones. {said(fields)}"
        return placed(boxes, radiograph, None), (Note("no-zones", told.strip()),)

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


def _check(bundle: Bundle, *, boxes: bool) -> None:
    """See that a bundle reads what is asked.

    Raises:
        BundleError: it does not.
    """
    card = bundle.card
    if not card.findings and not card.boxes:
        raise BundleError(
            f"bundle {bundle} has no findings to read: it draws "
            f"{', '.join(card.structures)}; use `hilum lungs`, or name another bundle"
        )
    if boxes and not boxed(card):
        raise BundleError(
            f"bundle {bundle} draws no boxes: its card names none that its network learnt, nor how "
            f"heatmaps become boxes; read without boxes, or name another bundle"
        )
    if not boxes and not card.findings:
        drawn = ", ".join(kind.key for kind in card.boxes)
        raise BundleError(
            f"bundle {bundle} draws boxes alone ({drawn}); read with boxes (--boxes), or name "
            f"another bundle"
        )
