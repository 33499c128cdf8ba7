"""TRIPOD+AI: its items in Hilum's words, and what an evaluation says to each.

Source:
    Collins GS, Moons KGM, Dhiman P, et al. TRIPOD+AI statement: updated guidance for reporting
    clinical prediction models that use regression or machine learning methods. BMJ
    2024;385:e078378.
"""

from __future__ import annotations

from hilum.evaluation.appraisal.results import Appraisal
from hilum.report.evaluation import statements as say
from hilum.report.evaluation.checklist import Checklist, Item


def _performance(a: Appraisal) -> str:
    parts = (say.discrimination(a), say.calibration(a), say.points(a), say.comparison(a))
    return " ".join(part for part in parts if part)


def _imbalance(a: Appraisal) -> str:
    rare = min((f.prevalence.value for f in a.findings if f.prevalence.value is not None),
               default=None)  # fmt: skip
    if rare is None:
        return ""
    return (
        f"The rarest finding has a prevalence of {rare:.2%} among those tested; average precision "
        f"is told beside the prevalence, and nothing was resampled for testing."
    )


def _output(a: Appraisal) -> str:
    if not a.probabilities:
        return "Scores that are no probabilities."
    rest = say.points(a)
    return f"A probability a finding. {rest}".strip()


def _flow(a: Appraisal) -> str:
    said = (
        f"{say.count(a.images, 'radiograph')} of {say.count(a.patients, 'patient')} were tested, "
    )
    said += "with and without each finding as the table of findings counts them."
    return f"{said} {say.missing(a)}".strip()


def _groups(a: Appraisal) -> str:
    if not a.subgroups:
        return ""
    return f"Groups of {say.listed([s.attribute for s in a.subgroups])}, with gaps and intervals."


def _clusters(a: Appraisal) -> str:
    sources = [s.attribute for s in a.subgroups if s.attribute == "source"]
    if a.strata_name:
        return f"AUROC within {a.strata_name} beside the plain one."
    return "Results by source, with gaps." if sources else ""


TRIPOD_AI = Checklist(
    key="tripod-ai",
    name="TRIPOD+AI",
    source="Collins et al. 2024, BMJ 385:e078378",
    items=(
        Item("1", "Title", "Name it as development or evaluation of a prediction model, the "
             "population and the outcome."),
        Item("2", "Abstract", "The items of TRIPOD+AI for abstracts.", say.results, "summary",
             "everything of an abstract but these numbers"),
        Item("3a", "Introduction", "Context of care, why the model is wanted, models before it."),
        Item("3b", "Introduction", "For whom it is meant, where in the pathway, who uses it."),
        Item("3c", "Introduction", "Known inequalities of health between groups."),
        Item("4", "Introduction", "Objectives: development, evaluation or both."),
        Item("5a", "Methods: data", "Where development and evaluation data come from, and why.",
             lambda a: say.listed([f"{i.role}: {i.name}" for i in a.inputs]), "inputs",
             "design, representativeness, the data of development"),
        Item("5b", "Methods: data", "Dates of accrual and of the end of follow-up."),
        Item("6a", "Methods: participants", "Setting, number and place of centres."),
        Item("6b", "Methods: participants", "Who was eligible."),
        Item("6c", "Methods: participants", "Treatments, and how they were handled."),
        Item("7", "Methods: preparation", "Preparation and quality checks, alike in all groups?"),
        Item("8a", "Methods: outcome", "The outcome, its time horizon, how and when assessed."),
        Item("8b", "Methods: outcome", "Who judged it, where that takes judgement."),
        Item("8c", "Methods: outcome", "Blinding of those who judged it."),
        Item("9a", "Methods: predictors", "How the first predictors were chosen."),
        Item("9b", "Methods: predictors", "All predictors, how and when measured."),
        Item("9c", "Methods: predictors", "Who judged them, where that takes judgement."),
        Item("10", "Methods: sample size", "How the size of the study was arrived at.",
             lambda a: "Cases that an interval of a wished width needs (cases_needed.csv)."
             if any(not n.reason for f in a.findings for n in f.needed) else "",
             "findings", "why this size was chosen beforehand"),
        Item("11", "Methods: missing data", "What became of missing data.", say.missing,
             "summary", "what was missing before these tables were made"),
        Item("12a", "Methods: analysis", "How the data were used: which for what.", say.split,
             "summary", "the rows the model was trained on"),
        Item("12b", "Methods: analysis", "How predictors were handled."),
        Item("12c", "Methods: analysis", "Kind of model, all steps of building it, tuning, "
             "internal validation."),
        Item("12d", "Methods: analysis", "How differences between clusters were handled.",
             _clusters, "subgroups", "between hospitals or countries"),
        Item("12e", "Methods: analysis", "Measures and plots of performance, comparisons.",
             _performance, "findings"),
        Item("12f", "Methods: analysis", "Updating of the model after evaluation, such as "
             "recalibration."),
        Item("12g", "Methods: analysis", "How predictions were computed for evaluation.",
             lambda a: say.listed(
                 [f"{i.role}: {i.name}" for i in a.inputs if i.role in ("predictions", "bundle")]),
             "inputs", "code or formula, where predictions came as a file"),
        Item("13", "Methods: imbalance", "What was done about rare outcomes, and recalibration "
             "after it.", _imbalance, "findings", "what was done in training"),
        Item("14", "Methods: fairness", "What was done about fairness, and why.", say.subgroups,
             "subgroups", "why these groups, and which others there are"),
        Item("15", "Methods: output", "What the model puts out, and how thresholds were chosen.",
             _output, "points"),
        Item("16", "Methods: differences", "How development and evaluation data differ."),
        Item("17", "Methods: ethics", "Ethical approval, consent or its waiver."),
        Item("18a", "Open science", "Funding."),
        Item("18b", "Open science", "Conflicts of interest."),
        Item("18c", "Open science", "Protocol."),
        Item("18d", "Open science", "Registration."),
        Item("18e", "Open science", "Sharing of data."),
        Item("18f", "Open science", "Sharing of code.",
             lambda a: f"The evaluation can be made again with Hilum {a.version}, seed {a.seed}."
             if a.version else "", "methods", "code that trained and ran the model"),
        Item("19", "Patients and public", "How patients and public took part, or that they did "
             "not."),
        Item("20a", "Results: participants", "Flow of participants, with and without the outcome.",
             _flow, "findings", "those excluded before these tables"),
        Item("20b", "Results: participants", "Characteristics, overall and by source.",
             _groups, "subgroups", "characteristics that are not in the tables"),
        Item("20c", "Results: participants", "Comparison with the development data."),
        Item("21", "Results: development", "Participants and events in each analysis.",
             lambda a: "Positives and negatives of each finding, as tested.", "findings",
             "those of training"),
        Item("22", "Results: specification", "The whole model, so that it can be used."),
        Item("23a", "Results: performance", "Performance with intervals, in key groups too.",
             say.results, "findings"),
        Item("23b", "Results: performance", "Differences of performance between clusters.",
             _clusters, "subgroups", "between hospitals or countries"),
        Item("24", "Results: updating", "Results of updating, if the model was updated."),
        Item("25", "Discussion", "Interpretation, with fairness, in the light of other studies."),
        Item("26", "Discussion", "Limitations and what they do to bias and uncertainty.",
             say.limits, "summary", "all that the numbers do not show"),
        Item("27a", "Discussion: use", "What becomes of poor or missing input in use."),
        Item("27b", "Discussion: use", "What users must do and know."),
        Item("27c", "Discussion: use", "What research should come next."),
    ),
)  # fmt: skip
