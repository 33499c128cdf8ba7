"""What a cascade says of one radiograph: what became of each stage, and the reading of them all."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Literal

from hilum.domain import (
    Acquisition,
    Heatmap,
    Note,
    Prediction,
    Radiograph,
    Reading,
    Refusal,
    Source,
    finding,
)

Outcome = Literal["read", "refused", "not-asked", "undecided"]


@dataclass(frozen=True, slots=True, eq=False)
class Step:
    """What became of one stage.

    Attributes:
        stage: its name.
        bundle: "name version" of its bundle.
        findings: keys that the bundle reads.
        outcome: "read"; "refused", by its gate; "not-asked": its condition does not hold;
            "undecided": nobody can tell whether it holds, because a stage that it asks for refused.
        reading: what it said; None unless it read.
        refusal: why it refused; None unless it did.
        because: why it was not asked, in words; "" where it was.
        by_heatmap: findings that its bundle draws boxes of by heatmaps: a box of them says where,
            once the bundle says that the finding is present.
    """

    stage: str
    bundle: str
    findings: tuple[str, ...]
    outcome: Outcome
    reading: Reading | None = None
    refusal: Refusal | None = None
    because: str = ""
    by_heatmap: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, eq=False)
class CascadeReading:
    """A radiograph that at least one stage read.

    Attributes:
        reading: the findings of all stages that read it, as one. Where two read one finding, the
            later speaks for it, and so with boxes; boxes by heatmaps are those of the stage that
            speaks for the finding. Gate and verdict are those of the first stage that read. What
            reading rounds said is kept by the readings of the stages.
        steps: one a stage, in the cascade's order.
    """

    reading: Reading
    steps: tuple[Step, ...]

    @property
    def source(self) -> Source:
        """The file."""
        return self.reading.source

    @property
    def acquisition(self) -> Acquisition:
        """Facts from its header."""
        return self.reading.acquisition

    @property
    def radiograph(self) -> Radiograph | None:
        """The picture, kept only when asked for."""
        return self.reading.radiograph

    @property
    def predictions(self) -> tuple[Prediction, ...]:
        """What was said, a finding each; findings of stages that did not read are missing."""
        return self.reading.predictions

    @property
    def present(self) -> tuple[Prediction, ...]:
        """The findings at or above their operating points."""
        return self.reading.present

    @property
    def told_by(self) -> dict[str, str]:
        """Findings that were read → the stage that speaks for each: the last that read it."""
        return _told_by(self.steps)

    @property
    def boxed_by(self) -> dict[str, str]:
        """Findings that boxes were looked for → the stage that speaks for each."""
        return _boxed_by(self.steps)

    @property
    def untold(self) -> dict[str, Step]:
        """Findings that nobody read on this radiograph → the stage that would have."""
        told = {p.finding for p in self.predictions}
        return {key: step for step in self.steps for key in step.findings if key not in told}

    @property
    def complete(self) -> bool:
        """Whether the whole chain had its say.

        False where a stage refused, nobody can tell whether it should read, or no decision was made
        on a finding: then an empty list of findings must not be taken for a normal chest. A stage
        that was not asked, because its condition does not hold, leaves the chain complete.
        """
        whole = all(step.outcome in {"read", "not-asked"} for step in self.steps)
        return whole and not self.reading.abstained

    def __getitem__(self, key: str) -> Prediction:
        """The prediction of one finding; KeyError says why where there is none."""
        step = self.untold.get(key)
        if step is not None:
            became = step.outcome.replace("-", " ")
            raise KeyError(f"{key!r} is unknown, not absent: stage {step.stage} is {became}")
        return self.reading[key]

    def heatmap(self, key: str) -> Heatmap | None:
        """The heatmap of one finding; None where there is none."""
        return self.reading.heatmap(key)

    def step(self, stage: str) -> Step:
        """What became of one stage; KeyError names those that there are."""
        for step in self.steps:
            if step.stage == stage:
                return step
        raise KeyError(f"{stage!r}; this cascade has {[s.stage for s in self.steps]}")


@dataclass(frozen=True, slots=True)
class CascadeRefusal(Refusal):
    """A radiograph that no stage read, and why.

    Attributes:
        steps: one a stage, in the cascade's order.
    """

    steps: tuple[Step, ...] = field(default=(), compare=False)


def joined(steps: Sequence[Step], *, name: str, digest: str) -> CascadeReading | CascadeRefusal:
    """Put together what the stages said.

    Args:
        steps: one a stage, in order; at least one read or refused.
        name: "name version" of the cascade.
        digest: of the cascade.
    """
    read = [(step, step.reading) for step in steps if step.reading is not None]
    if not read:
        return _refusal(steps)
    # By stage: one bundle in two stages gives both the same reading.
    speaks = _told_by(steps)
    told = [
        (prediction, reading.heatmap(prediction.finding))
        for step, reading in read
        for prediction in reading.predictions
        if speaks[prediction.finding] == step.stage
    ]
    draws = _boxed_by(steps)
    boxes = [
        box
        for step, reading in read
        for box in reading.boxes
        if draws.get(box.finding) == step.stage
    ]
    first = read[0][1]
    restated = [r.prevalence.split(", ") for _, r in read if r.prevalence != "training"]
    said = ", ".join(dict.fromkeys(part for parts in restated for part in parts))
    whole = replace(
        first,
        bundle=name,
        bundle_digest=digest,
        predictions=tuple(prediction for prediction, _ in told),
        heatmaps=tuple(heatmap for _, heatmap in told if heatmap is not None),
        notes=(*_notes({s.stage: r.notes for s, r in read}), *_of_steps(steps, speaks)),
        prevalence=said or "training",
        rounds=None,
        boxed=tuple(draws),
        boxes=tuple(sorted(boxes, key=lambda box: -box.score)),
    )
    return CascadeReading(whole, tuple(steps))


def _told_by(steps: Sequence[Step]) -> dict[str, str]:
    read = [(step.stage, step.reading) for step in steps if step.reading is not None]
    return {p.finding: stage for stage, reading in read for p in reading.predictions}


def _boxed_by(steps: Sequence[Step]) -> dict[str, str]:
    speaks = _told_by(steps)
    return {
        key: step.stage
        for step in steps
        if step.reading is not None
        for key in step.reading.boxed
        if key not in step.by_heatmap or speaks.get(key) == step.stage
    }


def _refusal(steps: Sequence[Step]) -> CascadeRefusal:
    refusals = {s.stage: s.refusal for s in steps if s.refusal is not None}
    first = next(iter(refusals.values()))
    return CascadeRefusal(
        name=first.name,
        stage=first.stage,
        reasons=_notes({stage: refusal.reasons for stage, refusal in refusals.items()}),
        acquisition=first.acquisition,
        gate=first.gate,
        radiograph=first.radiograph,
        steps=tuple(steps),
    )


def _notes(by_stage: Mapping[str, tuple[Note, ...]]) -> tuple[Note, ...]:
    """Notes of several stages: once where all say the same, with the stage's name where not."""
    every = list(dict.fromkeys(note for notes in by_stage.values() for note in notes))
    made: dict[str, list[Note]] = {}
    for note in every:
        by = [stage for stage, notes in by_stage.items() if note in notes]
        if len(by) == len(by_stage) > 1 or len(by_stage) == 1:
            made.setdefault(note.code, []).append(note)
        else:
            message = f"Stage {', '.join(by)}: {note.message}"
            made.setdefault(note.code, []).append(replace(note, message=message))
    return tuple(note for notes in made.values() for note in notes)


def _of_steps(steps: Sequence[Step], speaks: Mapping[str, str]) -> list[Note]:
    notes: list[Note] = []
    for step in steps:
        if step.refusal is not None:
            why = " ".join(note.message for note in step.refusal.reasons)
            message = f"Stage {step.stage} ({step.bundle}) refused it: {why} {_UNKNOWN}"
            notes.append(Note("stage-refused", message))
        elif step.outcome == "undecided":
            message = f"Stage {step.stage} ({step.bundle}) was not asked: {step.because} {_UNKNOWN}"
            notes.append(Note("stage-undecided", message))
        elif step.outcome == "not-asked":
            message = f"Stage {step.stage} ({step.bundle}) was not asked: {step.because}"
            notes.append(Note("stage-not-asked", message, warning=False))
        elif step.reading is not None:
            names = ", ".join(
                f"{finding(p.finding).name} ({100 * p.probability:.1f} %)"
                for p in step.reading.abstained
                if speaks[p.finding] == step.stage  # no later stage decided
            )
            if names:
                message = f"Stage {step.stage} ({step.bundle}) makes no decision on {names}."
                notes.append(Note("abstained", message))
    return notes


_UNKNOWN = "Its findings are unknown, not absent."
