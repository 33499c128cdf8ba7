"""Study S4: will a COVID-19 patient die? A frozen SqueezeNet, its levers, and age alone."""

from hilum.studies.questions import Inquiry
from hilum.studies.s4 import covariates, divisions, leaks, networks, what_it_printed

STUDY = Inquiry(
    name="s4",
    title="S4: will a COVID-19 patient die?",
    about=(
        "Survival from the radiograph, in folds within folds by patient: S4's networks and "
        "settings, age, sex and day offset, and what tells the outcome without a lung."
    ),
    seeds=(0, 1, 2),
    questions=(
        what_it_printed.QUESTION,
        networks.QUESTION,
        covariates.QUESTION,
        leaks.QUESTION,
        divisions.QUESTION,
    ),
    data=(
        "a folder with manifest.csv (columns as `hilum recipes show columns/radiographs` maps "
        "them; survival Y or N, extra as offset=4|intubated=N|went_icu=Y) and its images"
    ),
)

__all__ = ["STUDY"]
