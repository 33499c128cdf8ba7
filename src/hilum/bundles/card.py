"""The card of a bundle: what its network reads, how to feed it, and what it may be trusted with."""

from __future__ import annotations

from itertools import pairwise
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

SCHEMA = "hilum.bundle/1"

Probability = Annotated[float, Field(gt=0.0, lt=1.0)]
NAME, VERSION = r"^[a-z0-9][a-z0-9-]{0,63}$", r"^[0-9]+\.[0-9]+\.[0-9]+$"
"""What names and versions of bundles look like."""

Sha256 = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


class Preprocessing(_Part):
    """From a radiograph to the network's input, as data.

    Attributes:
        size: (rows, columns) of the input.
        fit: "squash" resizes both sides on their own; "letterbox" keeps the aspect and pads with
            black; "centre-crop" keeps the aspect and cuts.
        value_range: what grey 0 and grey 1 become, linearly.
        mean: subtracted after that.
        std: divided by after that.
        channels: 1, or 3 for a network that wants the grey repeated.
        crop: "lungs" shows the lungs alone, found by the bundle that ``crop_by`` names, before
            anything else is done; a picture whose lungs are not found is shown whole.
        crop_margin: what is left around the lungs on every side, as a share of the longer side of
            the box around both.
        crop_by: SHA-256 of the card of the bundle that finds them; a recipe leaves it to the
            training.
    """

    size: tuple[Annotated[int, Field(ge=16, le=4096)], Annotated[int, Field(ge=16, le=4096)]]
    fit: Literal["squash", "letterbox", "centre-crop"] = "squash"
    value_range: tuple[float, float] = (0.0, 1.0)
    mean: tuple[float, ...] = (0.0,)
    std: tuple[Annotated[float, Field(gt=0)], ...] = (1.0,)
    channels: Literal[1, 3] = 1
    crop: Literal["", "lungs"] = ""
    crop_margin: Annotated[float, Field(ge=0.0, le=1.0)] = 0.05
    crop_by: Sha256 | None = None

    @property
    def of_crop(self) -> Preprocessing:
        """The same for pictures that are cut already."""
        return self.model_copy(update={"crop": "", "crop_by": None})

    @model_validator(mode="after")
    def _channels_agree(self) -> Preprocessing:
        if self.crop_by and not self.crop:
            raise ValueError("crop_by names what finds the lungs, and nothing is cropped to them")
        for name in ("mean", "std"):
            if len(getattr(self, name)) not in (1, self.channels):
                raise ValueError(f"{name} needs 1 or {self.channels} values")
        if self.value_range[0] >= self.value_range[1]:
            raise ValueError("value_range must rise")
        return self


class BetaCurve(_Part):
    """log-odds = a · ln s − b · ln(1 − s) + c, s being the sigmoid of the line (Kull et al. 2017).

    Attributes:
        a: ≥ 0.
        b: ≥ 0; not both are 0, so that the curve rises.
        c: shift in log-odds.
    """

    a: Annotated[float, Field(ge=0)]
    b: Annotated[float, Field(ge=0)]
    c: float

    @model_validator(mode="after")
    def _rises(self) -> BetaCurve:
        if not self.a + self.b > 0:
            raise ValueError("a beta curve must rise: a and b are both 0")
        return self


class Steps(_Part):
    """Probabilities at places of the line, straight lines between, level ends (isotonic).

    Attributes:
        at: log-odds of the line, rising.
        probability: at those places, never falling.
    """

    at: Annotated[tuple[float, ...], Field(min_length=1)]
    probability: Annotated[tuple[Probability, ...], Field(min_length=1)]

    @model_validator(mode="after")
    def _rise(self) -> Steps:
        if len(self.at) != len(self.probability):
            raise ValueError("steps need as many places as probabilities")
        if any(b <= a for a, b in pairwise(self.at)):
            raise ValueError("places of steps must rise")
        if any(b < a for a, b in pairwise(self.probability)):
            raise ValueError("probabilities of steps must not fall")
        return self


class Calibration(_Part):
    """probability = sigmoid(slope · logit + intercept), or what a curve makes of that line.

    Attributes:
        slope: more than 0, so that the order of scores is kept.
        intercept: shift in log-odds.
        beta: the curve of method "beta"; None for the others.
        steps: the steps of method "isotonic"; None for the others.
        trusted: False where fewer than 30 positives stood behind it; shown as *uncalibrated*.
        method: "platt" (Platt 1999), "temperature" (slope alone), "shift" (intercept alone),
            "pooled" (slope shared by all findings), "beta" or "isotonic".
        fitted_on: in words: which rows, and how they were kept from the network.
    """

    slope: Annotated[float, Field(gt=0)] = 1.0
    intercept: float = 0.0
    beta: BetaCurve | None = None
    steps: Steps | None = None
    trusted: bool = False
    method: Literal["platt", "temperature", "shift", "pooled", "beta", "isotonic", "none"] = "none"
    fitted_on: str = ""

    @model_validator(mode="after")
    def _curve_of_the_method(self) -> Calibration:
        for method, curve in (("beta", self.beta), ("isotonic", self.steps)):
            if (self.method == method) != (curve is not None):
                field = "beta" if method == "beta" else "steps"
                raise ValueError(f"method {method!r} and the field {field} go together")
        return self

    @property
    def is_line(self) -> bool:
        """Whether log-odds are slope · logit + intercept and no more."""
        return self.beta is None and self.steps is None


class OperatingPoint(_Part):
    """From which calibrated probability the finding is called present.

    Attributes:
        threshold: at the training prevalence.
        rule: how it was chosen: "youden", "sensitivity>=0.9", "given"; "…, moved" after a
            recalibration.
        sensitivity: on the rows where it was chosen, or on those of a later recalibration, which
            moves it; None where not measured.
        specificity: likewise.
    """

    threshold: Probability = 0.5
    rule: str = "given"
    sensitivity: float | None = None
    specificity: float | None = None


class CardFinding(_Part):
    """One output of the network.

    Attributes:
        key: in :mod:`hilum.domain.findings`.
        calibration: from logit to probability.
        operating_point: from probability to decision.
        prevalence: share of positives on the rows that calibration was fitted on.
        positives: number of positives there.
    """

    key: str
    calibration: Calibration = Calibration()
    operating_point: OperatingPoint = OperatingPoint()
    prevalence: Probability | None = None
    positives: Annotated[int, Field(ge=0)] | None = None

    @model_validator(mode="after")
    def _trust_needs_positives(self) -> CardFinding:
        if self.calibration.trusted and self.positives is not None and self.positives < 30:
            raise ValueError(f"{self.key}: a calibration on {self.positives} positives, under 30")
        return self


class BoxKind(_Part):
    """A finding that the graph draws boxes around.

    Attributes:
        key: in :mod:`hilum.domain.findings`.
        threshold: the score from which a box is shown.
        rule: how it was chosen.
    """

    key: str
    threshold: Probability = 0.5
    rule: str = "given"


Share = Annotated[float, Field(ge=0.0, le=1.0)]


class HeatmapBox(_Part):
    """Where boxes of one finding lie, before a heatmap is looked at.

    Attributes:
        key: one of the card's findings.
        likely: boxes that readers drew on other radiographs: left, top, right, bottom, as shares
            of what the network is shown.
    """

    key: str
    likely: Annotated[tuple[tuple[Share, Share, Share, Share], ...], Field(min_length=1)]

    @model_validator(mode="after")
    def _have_area(self) -> HeatmapBox:
        for left, top, right, bottom in self.likely:
            if not (left < right and top < bottom):
                raise ValueError(f"{self.key}: {(left, top, right, bottom)} has no area")
        return self


class HeatmapBoxes(_Part):
    """How heatmaps become boxes, where the graph learnt from labels of images alone.

    A likely box weighs exp(trust · contrast), its contrast being how far the heatmap's mean in it
    lies above the mean of the whole heatmap, in standard deviations of the heatmap. The box that
    is drawn is the likely one with the greatest expected overlap (IoU) with all as they weigh.

    Attributes:
        findings: those that boxes are drawn for.
        trust: how far the heatmap is believed; 0 draws the same box on every picture.
        rule: in words: where likely boxes and trust were learnt.
    """

    findings: Annotated[tuple[HeatmapBox, ...], Field(min_length=1)]
    trust: Annotated[float, Field(ge=0.0)]
    rule: str = "given"

    @property
    def keys(self) -> tuple[str, ...]:
        """The findings that boxes are drawn for."""
        return tuple(one.key for one in self.findings)


class Graph(_Part):
    """The ONNX graph and its ends.

    Attributes:
        file: name inside the bundle.
        input: name of the input, float32 [batch, channels, rows, columns].
        logits: name of the output [batch, findings]; of no use to a bundle without findings.
        features: name of the output [batch, width] that the gate measures; None without.
        cams: name of the output [batch, findings, h, w], contributions to the logits whose mean
            over h and w plus a bias is the logit; None without.
        heatmaps: in words, what stands in for class activation maps where there are none.
        masks: name of the output [batch, structures, h, w]: log-odds that a place of the input
            lies in a structure, at the input's size or coarser; None without.
        boxes: name of the output [batch, most, 6]: left, top, right and bottom in pixels of the
            input, score in [0, 1], number of the kind of box; overlapping ones are suppressed, the
            surest come first, and rows of score 0 fill up. None without.
    """

    file: str = "model.onnx"
    input: str = "image"
    logits: str = "logits"
    features: str | None = None
    cams: str | None = None
    heatmaps: str = "class activation maps (Zhou et al. 2016, eq. 2)"
    masks: str | None = None
    boxes: str | None = None


class TrainingData(_Part):
    """Rows that the network learnt from."""

    name: str
    images: Annotated[int, Field(ge=0)]
    patients: Annotated[int, Field(ge=0)] | None = None
    licence: str
    citation: str = ""
    split_digest: str = ""


class StartingWeights(_Part):
    """Weights that training began with."""

    name: str
    licence: str
    origin: str
    sha256: Sha256 | None = None


class Result(_Part):
    """One measured number, with its split and interval.

    Attributes:
        metric: "AUROC", "AUROC within road", "average precision", "calibration slope", …
        finding: key; None for the mean of findings, or for a number of no finding (one that
            states its images).
        split: which rows, and what the network had seen of them.
        value: the number; None when undefined.
        low: lower end of the interval.
        high: upper end.
        level: confidence level of the interval.
        positives: number of positives.
        images: number of images.
        note: method of the interval, seeds, or why the value is undefined.
        group: which of those images alone: "sex: F", "age: 40 to 60 years"; "" for all.
        elsewhere: whether they come from where nothing was learnt: other hospitals, publishers or
            collections.
    """

    metric: str
    finding: str | None = None
    split: str
    value: float | None
    low: float | None = None
    high: float | None = None
    level: float = 0.95
    positives: int | None = None
    images: int | None = None
    note: str = ""
    group: str = ""
    elsewhere: bool = False

    @property
    def is_mean(self) -> bool:
        """Whether it is a mean over findings."""
        return self.finding is None and self.images is None


class Verdict(_Part):
    """A question of ``hilum audit``, and how it ended.

    Attributes:
        code: stable, lower case with hyphens.
        title: the question.
        outcome: "not asked" where something was missing.
        words: what was seen, or what was missing.
        asked_of: in words: which images, and what scored them.
        unit: what the number is.
        value: the number that decided; None where there is none.
        low: lower end of its interval.
        high: upper end.
        level: confidence level of the interval.
    """

    code: Annotated[str, Field(pattern=r"^[a-z0-9]+(-[a-z0-9]+)*$")]
    title: str
    outcome: Literal["passes", "warns", "fails", "not asked"]
    words: str
    asked_of: str = ""
    unit: str = ""
    value: float | None = None
    low: float | None = None
    high: float | None = None
    level: float = 0.95


class Card(_Part):
    """Everything that a user must know of a bundle; ``card.json`` in the bundle.

    Attributes:
        schema_: version of this layout.
        name: lower case, digits and hyphens.
        version: of the bundle.
        summary: one sentence.
        intended_use: what it may be used for.
        not_for: what it must not be used for.
        licence: under which the bundle may be passed on.
        network: the architecture, in words.
        findings: one an output, in the graph's order; may be empty where there are structures.
        structures: what the graph draws, one a mask in the graph's order ("lung_right"); sides are
            the patient's.
        boxes: what the graph draws boxes around, in the order of the numbers that it gives.
        heatmap_boxes: how heatmaps become boxes; None where they do not.
        preprocessing: how a radiograph becomes the network's input.
        graph: the ONNX graph.
        gate: file with feature statistics (.npz without pickles); None without.
        data: what it learnt from.
        start: what training began with.
        results: measured numbers: on what was held out, of groups of patients, and elsewhere.
        verdicts: what audits said.
        provenance: recipe, seeds, versions, as text by name.
        files: SHA-256 of every other file in the bundle.
    """

    model_config = ConfigDict(
        frozen=True, extra="forbid", allow_inf_nan=False, populate_by_name=True
    )

    schema_: Literal["hilum.bundle/1"] = Field(default=SCHEMA, alias="schema")
    name: Annotated[str, Field(pattern=NAME)]
    version: Annotated[str, Field(pattern=VERSION)]
    summary: str
    intended_use: str
    not_for: tuple[str, ...] = ()
    licence: str
    network: str = ""
    findings: tuple[CardFinding, ...] = ()
    structures: tuple[Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]*$")], ...] = ()
    boxes: tuple[BoxKind, ...] = ()
    heatmap_boxes: HeatmapBoxes | None = None
    preprocessing: Preprocessing
    graph: Graph = Graph()
    gate: str | None = None
    data: tuple[TrainingData, ...] = ()
    start: tuple[StartingWeights, ...] = ()
    results: tuple[Result, ...] = ()
    verdicts: tuple[Verdict, ...] = ()
    provenance: dict[str, str] = {}
    files: dict[str, Sha256] = {}

    @property
    def failed(self) -> tuple[Verdict, ...]:
        """What audits of the bundle failed on."""
        return tuple(one for one in self.verdicts if one.outcome == "fails")

    @model_validator(mode="after")
    def _consistent(self) -> Card:
        keys = [f.key for f in self.findings]
        if len(set(keys)) != len(keys):
            raise ValueError("a finding stands twice")
        if len(set(self.structures)) != len(self.structures):
            raise ValueError("a structure stands twice")
        boxed = [kind.key for kind in self.boxes]
        if len(set(boxed)) != len(boxed):
            raise ValueError("a kind of box stands twice")
        if not (self.findings or self.structures or self.boxes):
            raise ValueError("no findings, structures or boxes: the bundle would tell nothing")
        if bool(self.boxes) != bool(self.graph.boxes):
            raise ValueError("boxes and graph.boxes go together: name both, or neither")
        if self.preprocessing.crop and not self.preprocessing.crop_by:
            raise ValueError("preprocessing.crop_by: name the bundle that finds the lungs")
        if self.heatmap_boxes:
            drawn = self.heatmap_boxes.keys
            if len(set(drawn)) != len(drawn) or not set(drawn) <= set(keys):
                raise ValueError(f"heatmap_boxes {drawn}: each must be one of the findings, once")
            if not self.graph.cams:
                raise ValueError("heatmap_boxes need graph.cams")
        if bool(self.structures) != bool(self.graph.masks):
            raise ValueError("structures and graph.masks go together: name both, or neither")
        for file in (self.graph.file, self.gate, *self.files):
            if file and ("/" in file or "\\" in file or file.startswith(".")):
                raise ValueError(f"{file!r} is no plain file name")
        return self

    @property
    def keys(self) -> tuple[str, ...]:
        """The findings' keys, in the graph's order."""
        return tuple(f.key for f in self.findings)
