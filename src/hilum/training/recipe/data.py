"""The part of a recipe that says where labels and radiographs are and what they mean."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field, model_validator

from hilum.training.recipe.part import Part


class Data(Part):
    """The labels, the split, and what the card says of the collection.

    Four ways to hold labels are known. A folder a class (``table = ""``); a table that Hilum saved
    (``table = "labels.csv"``, no ``image``), or the one in a pack; anyone's CSV whose columns are
    named here (``image`` and the rest); or one that a column map describes (``map``).

    Attributes:
        table: label table, relative to the folder of the data; images are relative to it too. ""
            takes the folders for classes, or the table of the pack where the folder is one.
        map: column map in TOML for the table, relative to the folder of the data.
        classes: folder's name → finding, for a folder a class; "" leaves the class out.
        patient_pattern: regular expression that finds the patient in a file's name, for a folder a
            class.
        image: column with the image's path; "" for a table that Hilum saved.
        patient: column with the patient.
        labels: column with the findings present; "" where each finding has a column of its own.
        separator: between findings.
        known: label → key of the finding that it means, for labels that the vocabulary lacks; ""
            for one that says nothing; a row with no other label is left out.
        findings: keys, one an output of the network; empty for all that the table holds.
        masks: column with the path of each image's mask, for a segmentation: a PNG of one grey
            channel as large as the image, 0 outside and 1, 2, … in the structures, in their
            order; an empty cell where nobody drew one.
        mask_values: what the structures have in the masks in place of 1, 2, …
        split: column that holds the split; "" for the table's own split where it has one, and else
            for a split by patient that the run draws and keeps.
        train: its value for training rows.
        tune: its value for tuning rows.
        test: its value for rows that are measured once, at the end; "" for none.
        shares: of train, tune and test, where the run draws the split.
        split_seed: of the split that a run draws, and of its folds: runs of other seeds then have
            the same, and can be compared and put together.
        stratum: column within whose values AUROC is compared too; "" for none.
        stratum_name: what the strata are, in a word.
        adjust_for_stratum: what the stratum alone says of a finding is added to the network's
            log-odds while it learns and left out afterwards, so that nothing is gained by telling
            strata apart; see :class:`hilum.training.prior.Prior`.
        where: column → value that a row must have.
        group: column that says which images belong to one examination, for several views.
        view: column that says which view an image is, for several views.
        name: of the collection, for the card.
        licence: of the images, for the card.
        citation: for the card.
    """

    table: str = ""
    map: str = ""
    classes: dict[str, str] = Field(default_factory=dict)
    patient_pattern: str = ""
    image: str = ""
    patient: str = ""
    labels: str = ""
    separator: str = "|"
    known: dict[str, str] = Field(default_factory=dict)
    findings: tuple[str, ...] = ()
    masks: str = ""
    mask_values: tuple[Annotated[int, Field(ge=1, le=255)], ...] = ()
    split: str = ""
    train: str = "train"
    tune: str = "tune"
    test: str = ""
    shares: tuple[
        Annotated[float, Field(gt=0)], Annotated[float, Field(gt=0)], Annotated[float, Field(gt=0)]
    ] = (0.7, 0.15, 0.15)
    split_seed: Annotated[int, Field(ge=0, lt=2**31)] = 0
    stratum: str = ""
    stratum_name: str = "stratum"
    adjust_for_stratum: bool = False
    where: dict[str, str] = Field(default_factory=dict)
    group: str = ""
    view: str = ""
    name: str = "a collection of the user's own"
    licence: str = "not stated"
    citation: str = ""

    @model_validator(mode="after")
    def _one_way(self) -> Data:
        if self.image and not self.table:
            raise ValueError("image names a column of no table; say which with table")
        if self.image and not (self.patient and (self.findings or self.masks)):
            raise ValueError("a table of your own needs image, patient and findings, or masks")
        if len(set(self.mask_values)) != len(self.mask_values):
            raise ValueError("mask_values: each once")
        if self.adjust_for_stratum and not self.stratum:
            raise ValueError("adjust_for_stratum needs stratum, the column that says which it is")
        if self.masks and not self.table:
            raise ValueError("masks names a column of no table; say which with table")
        if self.known and not (self.image and self.labels):
            raise ValueError("known goes with image and labels, the column that names findings")
        if self.map and (self.image or not self.table):
            raise ValueError("map goes with table, and says itself which column is the image")
        if self.stratum and not self.image and not self.table:
            raise ValueError("stratum names a column of no table")
        if bool(self.group) != bool(self.view):
            raise ValueError("several views need both group and view")
        if self.group and self.image:
            raise ValueError("group and view need a table that Hilum saved, or a map")
        return self
