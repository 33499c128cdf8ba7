"""CLAIM, update of 2024: its items in Hilum's words, and what an evaluation says to each.

Source:
    Tejani AS, Klontzas ME, Gatti AA, et al. Checklist for Artificial Intelligence in Medical
    Imaging (CLAIM): 2024 update. Radiology: Artificial Intelligence 2024;6(4):e240300.
"""

from __future__ import annotations

from hilum.evaluation.appraisal.results import Appraisal
from hilum.report.evaluation import statements as say
from hilum.report.evaluation.checklist import Checklist, Item


def _metrics(a: Appraisal) -> str:
    return " ".join(part for part in (say.discrimination(a), say.calibration(a)) if part)


def _disjoint(a: Appraisal) -> str:
    s = a.split
    if not s.tune_images:
        return ""
    if s.shared_patients:
        shared = say.count(s.shared_patients, "patient")
        return f"Tuning and tested radiographs share {shared}: they are not disjoint by patient."
    return "Tuning and tested radiographs are disjoint by patient."


def _size(a: Appraisal) -> str:
    told = [f.name for f in a.findings if any(not n.reason for n in f.needed)]
    if not told:
        return ""
    return (
        "How many cases an interval of a wished width needs stands beside the number tested "
        "(cases_needed.csv)."
    )


def _software(a: Appraisal) -> str:
    return f"The evaluation was computed with Hilum {a.version}." if a.version else ""


def _uncertainty(a: Appraisal) -> str:
    return f"{say.intervals(a)} {say.comparison(a)}".strip()


def _sensitivity(a: Appraisal) -> str:
    parts = []
    if a.strata_name:
        parts.append(f"AUROC within {a.strata_name} beside the plain one.")
    parts += [say.subgroups(a), say.baselines(a)]
    return " ".join(part for part in parts if part)


def _numbers(a: Appraisal) -> str:
    said = f"{say.count(a.images, 'radiograph')} of {say.count(a.patients, 'patient')} were tested."
    return f"{said} {say.missing(a)}".strip()


def _demographics(a: Appraisal) -> str:
    if not a.subgroups:
        return ""
    told = say.listed([s.attribute for s in a.subgroups])
    return f"Radiographs and patients by {told}, of those tested."


def _diagnostic(a: Appraisal) -> str:
    shown = ["AUROC and average precision of every finding, with intervals"]
    if any(f.roc is not None for f in a.findings):
        shown.append("ROC curves")
    if say.point_names(a):
        shown.append("operating points with sensitivity and specificity, with intervals")
    return f"{say.listed(shown)}."


def _failures(a: Appraisal) -> str:
    if a.table is not None:
        return "The confusion matrix tells which classes are taken for which."
    if say.point_names(a):
        return "Confusion matrices at each operating point, finding by finding."
    return ""


CLAIM = Checklist(
    key="claim-2024",
    name="CLAIM 2024",
    source="Tejani et al. 2024, Radiology: Artificial Intelligence 6(4):e240300",
    items=(
        Item("1", "Title", "Call it a study of artificial intelligence, and say of which kind."),
        Item("2", "Abstract", "A structured summary of design, methods, results, conclusions.",
             say.results, "summary", "everything of an abstract but these numbers"),
        Item("3", "Introduction", "Scientific and clinical background; intended use and role."),
        Item("4", "Introduction", "Aims, objectives, hypotheses."),
        Item("5", "Study design", "Prospective or retrospective."),
        Item("6", "Study design", "Goal: making a model, feasibility, a trial …"),
        Item("7", "Data", "Where the data come from.",
             lambda a: say.listed([f"{i.role}: {i.name}" for i in a.inputs]), "inputs",
             "hospitals, links to public collections"),
        Item("8", "Data", "Who was eligible, and how chosen."),
        Item("9", "Data", "Preprocessing of the images."),
        Item("10", "Data", "Which subsets or regions of the images were taken, and by whom."),
        Item("11", "Data", "De-identification."),
        Item("12", "Data", "What became of missing data.", say.missing, "summary",
             "what was missing before these tables were made"),
        Item("13", "Data", "How the images were acquired."),
        Item("14", "Reference standard", "How it is defined and was obtained."),
        Item("15", "Reference standard", "Why it was chosen, and what else there was."),
        Item("16", "Reference standard", "Who annotated, with what training."),
        Item("17", "Reference standard", "How the test set was annotated, with which tools."),
        Item("18", "Reference standard", "How far annotators agree, and what became of disputes."),
        Item("19", "Partitions", "How data were put into partitions, in what proportions.",
             say.split, "summary", "the rows the model was trained on"),
        Item("20", "Partitions", "On which level partitions are disjoint: patient, study, image.",
             _disjoint, "summary", "between these rows and those of training"),
        Item("21", "Testing data", "How large the test set is meant to be, and why.",
             _size, "findings", "why this size was chosen beforehand"),
        Item("22", "Model", "The whole architecture, with inputs and outputs."),
        Item("23", "Model", "Software, with versions.", _software, "methods",
             "the software that trained and ran the model"),
        Item("24", "Model", "How parameters were initialised."),
        Item("25", "Training", "Procedure, augmentation, hyperparameters, when it ended."),
        Item("26", "Training", "How the final model was chosen."),
        Item("27", "Training", "How models were put together, if they were."),
        Item("28", "Evaluation", "Which numbers tell performance.", _metrics, "findings"),
        Item("29", "Evaluation", "Uncertainty and significance.", _uncertainty, "findings"),
        Item("30", "Evaluation", "Robustness or sensitivity analysis.", _sensitivity, "subgroups",
             "other disturbances that were tried"),
        Item("31", "Evaluation", "How the model is explained, if it is, and how that was checked.",
             lambda a: "Localisation against boxes of readers." if a.localisation else "",
             "localisation", "which explanation it is and why"),
        Item("32", "Evaluation", "Testing on internal data."),
        Item("33", "Evaluation", "Testing on external data, or why there is none."),
        Item("34", "Evaluation", "Registration, if it is a clinical trial."),
        Item("35", "Results: data", "How many patients and examinations were in and out.",
             _numbers, "summary", "those excluded before these tables, as a flow diagram"),
        Item("36", "Results: data", "Demographic and clinical characteristics, by partition.",
             _demographics, "subgroups", "the other partitions, clinical characteristics"),
        Item("37", "Results: model", "Performance, with uncertainty, in all partitions and groups.",
             say.results, "findings", "partitions that are not in these tables"),
        Item("38", "Results: model", "Diagnostic performance and its precision.",
             _diagnostic, "findings"),
        Item("39", "Results: model", "Analysis of failures.", _failures, "points",
             "examples of wrong answers, and why they may be wrong"),
        Item("40", "Discussion", "Limitations, biases, how far results generalise.",
             say.limits, "summary", "all that the numbers do not show"),
        Item("41", "Discussion", "What follows for practice: intended use, clinical role."),
        Item("42", "Other", "Where the whole protocol or further technical detail is."),
        Item("43", "Other", "Where software, model and data are to be had."),
        Item("44", "Other", "Funding, and the role of those who funded."),
    ),
)  # fmt: skip
