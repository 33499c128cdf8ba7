"""S2: twenty classes, long-tailed. Its failures provoked and named; then the task done right."""

from hilum.studies.questions import Inquiry, Question
from hilum.studies.s2 import long_tail, provoked, shown

STUDY = Inquiry(
    name="s2",
    title="S2: twenty classes, long-tailed",
    about="S2's three failures and its trap, provoked and named by the watch; then losses, "
    "samplers and two stages on the same twenty labels, judged by balanced accuracy.",
    seeds=(0, 1, 2),
    questions=(
        Question(
            "failures",
            "Three failures and a trap, provoked",
            "S2's losses told it nothing of what was wrong; what does the watch say?",
            provoked.measure,
            shown.failures,
            minutes=2,
        ),
        Question(
            "long-tail",
            "The long-tailed task done right",
            "S2 cut its table down to 40 images a class; what do losses, samplers and a second "
            "stage do with all rows?",
            long_tail.measure,
            shown.long_tail,
            minutes=4,
        ),
    ),
    data="the folder with manifest.csv of the recipe chest14, whose column lt20 holds the twenty "
    "labels; --weights: mobilenet_edgetpu_100.backbone.fp16.safetensors",
)
