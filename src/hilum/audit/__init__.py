"""Whether to believe a result: leakage, shortcuts, baselines, odd outputs, labels, drift.

An audit takes labels, and as far as there are any: scores of a model, pictures and a function that
looks at them, parts of a split, an earlier version. It gives back a verdict a line. It knows
nothing of how a model was made.
"""

from hilum.audit.leakage import Copies, find_copies
from hilum.audit.looking import Eyes, Looks, look
from hilum.audit.noise import Noise, confident
from hilum.audit.probes import Vectors, leaving_out, out_of_fold, probe
from hilum.audit.running import audit
from hilum.audit.subject import Options, Scores, Subject
from hilum.audit.verdict import Audit, Outcome, Standing, Table, Verdict

__all__ = [
    "Audit",
    "Copies",
    "Eyes",
    "Looks",
    "Noise",
    "Options",
    "Outcome",
    "Scores",
    "Standing",
    "Subject",
    "Table",
    "Vectors",
    "Verdict",
    "audit",
    "confident",
    "find_copies",
    "leaving_out",
    "look",
    "out_of_fold",
    "probe",
]
