"""From where on something is doubtful. Chosen, not derived: each says what it is meant for."""

FEW = 10
"""Patients that each class needs before anything is said of a finding."""

TELLING = 0.70
"""AUROC of a column alone from which it tells a finding; the same as in `hilum explore`."""
TELLING_LOW = 0.60
"""What the lower end of its interval must reach besides."""
SAYING = 0.60
"""AUROC of a column alone from which it is mentioned."""
SHUFFLES = 500
"""Times that sources are dealt anew to the patients, to know what chance alone gives."""
BY_CHANCE = 0.05
"""Share of audits without any shortcut in which some finding may be told nevertheless."""

REFUSED = 0.90
"""AUROC of the source alone from which classes come "nearly" from different sources: an AUROC of
the model between them says hardly anything that the source does not say."""

KNOWN_WARNS = 0.65
"""AUROC (one source against the others) from which a probe is said to know the source."""
KNOWN_FAILS = 0.75
"""The same where labels hang on the source besides, so that knowing it helps to answer."""

LEFT_FAILS = 0.75
"""Share of what an AUROC has above 0.5 that may not be left when the lungs are hidden."""
LEFT_WARNS = 0.50
JUDGED_FROM = 0.60
"""AUROC on the whole pictures below which hiding anything proves nothing."""

GAP_WARNS = 0.05
"""Loss of AUROC in a source that was not learnt from, from which that is mentioned."""
GAP_FAILS = 0.10

CONSTANT_RANGE = 0.05
"""Log-odds whose middle 90 % lie closer than this are all but the same: probabilities of .50 and
.51, or of .0010 and .00105, so that a rare finding is not blamed for low probabilities."""
SAME_VALUE = 0.50
"""Share of images with one and the same score from which the output is all but constant."""
ONE_CLASS = 0.99
"""Share of decisions that are the same, from which all are said to be in one class."""

NOISE_WARNS = 0.05
"""Estimated share of wrong labels from which they are worth a second reading."""
SUREST = 0.25
"""Share of the images of a label that are scored most surely as having it."""
NOISE_FROM = 0.80
"""AUROC that scores need before an estimate of label noise means anything."""

DRIFT_WARNS = 0.01
"""Share of decisions that may change between two versions before it is mentioned."""
DRIFT_FAILS = 0.05

LEAK_FAILS = 0.01
"""Share of test images with a near-equal picture among the training images; one alone warns."""
