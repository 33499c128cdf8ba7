"""From a radiograph to what a chain of bundles says of it; the file is decoded and checked once."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from hilum.bundles import Card
from hilum.bundles.cascades import Cascade
from hilum.domain import Prediction, Radiograph, Reading, Refusal, from_label
from hilum.errors import CascadeError, UnknownName
from hilum.imaging import FoundFile
from hilum.reading.boxes.finding import boxed
from hilum.reading.cascade.chain import Chain, ChainStage
from hilum.reading.cascade.conditions import facts, holds, why_unknown
from hilum.reading.cascade.outcome import CascadeReading, Step, joined
from hilum.reading.reader import Reader
from hilum.reading.rounds import JOINS_OF_PROBABILITIES, Plan
from hilum.reading.rounds import plan as plan_of
from hilum.reading.rounds.checking import named, narrowed
from hilum.registry import unknown
from hilum.transforms.rounds import RoundSet


@dataclass(frozen=True, slots=True, eq=False)
class CascadeReader:
    """Reads radiographs with a chain of bundles. May be called by several threads at once.

    Example:
        >>> reader = CascadeReader.of("covid-then-findings")     # doctest: +SKIP
        >>> reader.read("film.dcm").step("findings").outcome     # doctest: +SKIP
        'not-asked'
    """

    chain: Chain
    readers: tuple[Reader, ...]
    keep_radiograph: bool = False

    @classmethod
    def of(  # noqa: PLR0913  (each is a choice of its own, as in Reader.of)
        cls,
        cascade: Cascade | str | Path,
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
    ) -> CascadeReader:
        """Make a reader; a bundle that stands in several stages is loaded once.

        Args:
            cascade: a cascade, a name from ``hilum cascades list``, or a TOML file.
            threads: threads of the networks for one radiograph.
            prevalence: as :meth:`hilum.reading.Reader.of` takes it; for every stage that reads the
                finding. Probabilities in conditions are those that are told, hence restated.
            heatmaps: whether readings hold heatmaps.
            keep_radiograph: whether readings and refusals hold the picture.
            reduced: decode JPEG 2000 and HTJ2K at a lower resolution.
            mend: put right what a picture shows beyond doubt to be wrong in its header.
            runtime: what runs the graphs; see :data:`hilum.runtime.RUNTIMES`.
            rounds: look several times at every stage; as :meth:`hilum.reading.Reader.of` takes it.
            boxes: whether readings say where findings lie, of every stage whose bundle draws boxes.

        Raises:
            CascadeError: there is no such cascade, or it or a bundle of it is not sound; it judges
                probabilities, and the rounds are joined into something else; or boxes are asked
                for, and no bundle draws any.
            RecipeError: no such rounds, or weights that lack a finding of a bundle.
            UnknownName: no such runtime, or a prevalence for a finding that no stage reads.
            RunError: a prevalence that is out of range, or cannot be restated for.
            MissingExtra: the runtime, or what ``reduced`` needs, is not installed.
        """
        chain = Chain.of(cascade)
        shares = prevalence or {}
        _check_prevalence(shares, chain)
        plan = None if rounds is None else plan_of(rounds)
        if plan is not None:
            keys = [key for stage in chain.stages for key in stage.bundle.card.keys]
            plan = named(plan, keys, of="cascade")
            _check_join(plan, chain)
        if boxes and not any(boxed(stage.bundle.card) for stage in chain.stages):
            raise CascadeError(
                f"no bundle of {chain.name} draws boxes: read without boxes, or name another "
                f"cascade"
            )
        made: dict[str, Reader] = {}
        for stage in chain.stages:
            bundle = stage.bundle
            if bundle.digest not in made:
                made[bundle.digest] = Reader.of(
                    bundle,
                    threads=threads,
                    prevalence={t: v for t, v in shares.items() if _reads(bundle.card, t)},
                    heatmaps=heatmaps,
                    keep_radiograph=keep_radiograph,
                    reduced=reduced,
                    mend=mend,
                    runtime=runtime,
                    rounds=None if plan is None else narrowed(plan, bundle.card.keys),
                    boxes=boxes and bool(boxed(bundle.card)),
                )
        readers = tuple(made[stage.bundle.digest] for stage in chain.stages)
        return cls(chain, readers, keep_radiograph)

    @property
    def prevalence(self) -> str:
        """In words: "training", or "effusion=0.05, mass=0.01"."""
        said = [r.scale.prevalence for r in self.readers if r.scale.prevalence != "training"]
        parts = dict.fromkeys(part for text in said for part in text.split(", "))
        return ", ".join(parts) or "training"

    def read(
        self,
        path: str | Path | FoundFile,
        *,
        data: bytes | None = None,
        name: str | None = None,
    ) -> CascadeReading | Refusal:
        """Read one file; what cannot be read becomes a refusal.

        Args:
            path: a DICOM, PNG, JPEG or TIFF file, as :func:`hilum.imaging.read` takes it.
            data: its bytes, where they are loaded already.
            name: what to call it; the file's own name when None.
        """
        found = self.readers[0].radiograph(path, data=data, name=name)
        return found if isinstance(found, Refusal) else self(found)

    def __call__(self, radiograph: Radiograph) -> CascadeReading | Refusal:
        """Read one radiograph.

        Returns:
            What the chain says; or a refusal where no stage read it, a
            :class:`hilum.reading.CascadeRefusal` unless header or picture speak against it already:
            they are checked once for all stages.
        """
        looked = self.readers[0].gate.look(radiograph)
        if not looked.accepted:
            return self.readers[0].refusal(radiograph, looked)
        said: dict[str, Reading | Refusal] = {}
        steps: dict[str, Step] = {}
        for stage, reader in zip(self.chain.stages, self.readers, strict=True):
            step = _not_asked(stage, steps)
            if step is None:
                digest = stage.bundle.digest
                if digest not in said:
                    said[digest] = reader(radiograph, looked)
                step = _asked(stage, said[digest])
            steps[stage.name] = step
        return joined(list(steps.values()), name=str(self.chain), digest=self.chain.digest)


def _not_asked(stage: ChainStage, steps: Mapping[str, Step]) -> Step | None:
    """What becomes of a stage whose condition does not hold; None where it is to read."""
    if stage.when is None:
        return None
    answer = holds(stage.when, steps)
    if answer:
        return None
    outcome = "not-asked" if answer is False else why_unknown(stage.when, steps)
    because = f"it reads where {stage.when}; here {facts(stage.when, steps)}."
    keys = stage.bundle.card.keys
    return Step(stage.name, str(stage.bundle), keys, outcome, because=because)


def _asked(stage: ChainStage, said: Reading | Refusal) -> Step:
    bundle, keys = str(stage.bundle), stage.bundle.card.keys
    if isinstance(said, Refusal):
        return Step(stage.name, bundle, keys, "refused", refusal=said)
    by_heatmap = _by_heatmap(stage.bundle.card)
    if stage.abstain:
        predictions = tuple(_abstained(p, stage.abstain.get(p.finding)) for p in said.predictions)
        unsure = {p.finding for p in predictions if p.abstained}.intersection(by_heatmap)
        said = replace(
            said,
            predictions=predictions,
            boxed=tuple(key for key in said.boxed if key not in unsure),
            boxes=tuple(box for box in said.boxes if box.finding not in unsure),
        )
    return Step(stage.name, bundle, keys, "read", reading=said, by_heatmap=by_heatmap)


def _by_heatmap(card: Card) -> tuple[str, ...]:
    """Findings that a bundle draws boxes of by heatmaps: of what its graph draws, it does not."""
    by_graph = {kind.key for kind in card.boxes}
    keys = card.heatmap_boxes.keys if card.heatmap_boxes else ()
    return tuple(key for key in keys if key not in by_graph)


def _abstained(prediction: Prediction, band: tuple[float, float] | None) -> Prediction:
    if band is None or not band[0] <= prediction.probability < band[1]:
        return prediction
    return replace(prediction, abstained=True)


def _check_prevalence(shares: Mapping[str, float], chain: Chain) -> None:
    keys = [key for stage in chain.stages for key in stage.bundle.card.keys]
    for text in shares:
        if not any(_reads(stage.bundle.card, text) for stage in chain.stages):
            raise UnknownName(unknown("finding of this cascade", text, dict.fromkeys(keys)))


def _check_join(plan: Plan, chain: Chain) -> None:
    if plan.join in JOINS_OF_PROBABILITIES:
        return
    judged = []
    for stage in chain.stages:
        judged += [f"stage {stage.name} abstains on {key} in a band" for key in stage.abstain]
        leaves = stage.when.leaves() if stage.when else ()
        bounded = (leaf for leaf in leaves if leaf.finding is not None and leaf.is_ is None)
        judged += [f"stage {stage.name} reads on the {leaf}" for leaf in bounded]
    if judged:
        more = f" and {len(judged) - 3} more" if len(judged) > 3 else ""
        raise CascadeError(
            f"{chain.name} judges probabilities ({'; '.join(judged[:3])}{more}), and rounds joined "
            f"by {plan.join} give none: join them by {', '.join(JOINS_OF_PROBABILITIES)}, or let "
            f"the cascade ask what was decided (`is`) and abstain with --abstain-above."
        )


def _reads(card: Card, text: str) -> bool:
    """Whether a bundle reads a finding, given by key or label."""
    try:
        return text in card.keys or from_label(text).key in card.keys
    except UnknownName:
        return False
