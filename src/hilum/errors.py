"""Every error that Hilum raises on purpose.

HilumError
├── IntakeError            a file could not become a radiograph
│   ├── NotAnImage         it is something else (text, PDF, a web page, empty)
│   ├── DamagedFile        it was an image once: cut, overwritten, inconsistent
│   ├── UnsupportedImage   it is an image of a kind that Hilum does not read
│   ├── InvalidHeader      a header value makes the grey levels undefined
│   └── UnsafeArchive      an archive, or a member of one, that had better not be unpacked
├── Refused                the gate takes a picture for no radiograph that it can judge
├── BundleError            a bundle could not be made, found or loaded
│   ├── UnknownBundle
│   ├── InvalidCard
│   └── DigestMismatch     a file differs from what the card says
├── CascadeError           a chain of bundles is unknown or invalid
├── LabelError             a label table or a split is inconsistent
│   └── LeakError          a patient stands in two parts of a split
├── FetchError             a file could not be fetched from a server, or may not be put where asked
├── PackError              a pack is damaged, unfinished, or none
├── NotCleaned             a file holds what cannot be de-identified
├── EvaluationError        references and scores that cannot be compared
├── ResultError            a result cannot become a DICOM object or a PDF
├── VisitError             what is kept of visits for comparing is damaged or contradicts itself
├── RecipeError            a training recipe is invalid
├── ServiceError           the server cannot start, or cannot do what it is asked
│   ├── NotAccepted        a file that the server does not take, and why
│   ├── NotNow             it would, but not now: come again
│   └── NotAllowed         a server does not let this token in, or not that far
├── RunError               a run cannot start, go on or be resumed
├── Stopped                a run was asked to stop; what it has done is kept
├── UnknownName            a name that no registry holds
└── MissingExtra           an optional dependency is not installed

A message says what is wrong, where, what was expected and got, and what to do. It never holds a
patient's name or number.
"""

from __future__ import annotations

from typing import Any, ClassVar


class HilumError(Exception):
    """Base of all errors that Hilum raises on purpose; ``code`` is stable and fit for a table."""

    code: ClassVar[str] = "error"


class IntakeError(HilumError):
    """A file could not become a radiograph."""

    code = "unreadable"


class NotAnImage(IntakeError):
    """The file is no image at all: empty, text, a document, a web page."""

    code = "not-an-image"


class DamagedFile(IntakeError):
    """The file is cut, overwritten or inconsistent with its own header."""

    code = "damaged"


class UnsupportedImage(IntakeError):
    """The file is an image of a kind that Hilum does not read."""

    code = "unsupported"


class InvalidHeader(IntakeError):
    """A header value leaves the grey levels or the size of the picture undefined."""

    code = "invalid-header"


class UnsafeArchive(IntakeError):
    """An archive that is not unpacked, or a member: a bomb, a link, a name that leads out."""

    code = "unsafe-archive"


class Refused(HilumError):
    """The gate does not take a picture for a radiograph that the bundle can judge.

    Attributes:
        refusal: the :class:`hilum.domain.Refusal`, with reasons and the gate's verdict.
    """

    code = "refused"

    def __init__(self, name: str, reasons: tuple[str, ...], refusal: Any) -> None:
        super().__init__(f"{name} was not read: {' '.join(reasons)}")
        self.refusal = refusal


class BundleError(HilumError):
    """A bundle could not be made, found or loaded."""

    code = "bundle"


class UnknownBundle(BundleError):
    """No bundle of that name or path exists."""

    code = "unknown-bundle"


class InvalidCard(BundleError):
    """A bundle's card lacks something or contradicts its graph."""

    code = "invalid-card"


class DigestMismatch(BundleError):
    """A bundle's file differs from the digest on its card."""

    code = "digest-mismatch"


class CascadeError(HilumError):
    """A chain of bundles is unknown or invalid; the message lists all that is wrong."""

    code = "cascade"


class LabelError(HilumError):
    """A label table or a split is inconsistent."""

    code = "labels"


class LeakError(LabelError):
    """A patient stands in two parts of a split."""

    code = "leak"


class FetchError(HilumError):
    """A file could not be fetched, or may not be put where it was asked to go."""

    code = "fetch"


class PackError(HilumError):
    """A folder is no pack, or one that is damaged, unfinished, or of another kind than asked."""

    code = "pack"


class NotCleaned(HilumError):
    """A file holds what cannot be de-identified, so nothing of it is written."""

    code = "not-cleaned"


class BoxError(HilumError, ValueError):
    """Boxes that cannot be: without area, with a score out of range, in unlike numbers."""

    code = "boxes"


class EvaluationError(HilumError, ValueError):
    """References and scores that cannot be compared."""

    code = "evaluation"


class VisitError(HilumError, ValueError):
    """What is kept for comparing visits of a patient is damaged or contradicts itself."""

    code = "visits"


class ResultError(HilumError):
    """A result cannot become a DICOM object or a PDF; the message says what is missing."""

    code = "result"


class RecipeError(HilumError):
    """A training recipe is invalid; the message lists all that is wrong."""

    code = "recipe"


class RunError(HilumError):
    """A run cannot start, go on or be resumed."""

    code = "run"


class ServiceError(HilumError):
    """The server cannot start, or cannot do what it is asked."""

    code = "service"


class NotAccepted(ServiceError):
    """The server does not take a file; it will not later either.

    Attributes:
        reason_code: stable, such as ``"damaged"`` of :class:`IntakeError`, or ``"conflict"``.
    """

    code = "not-accepted"

    def __init__(self, reason_code: str, message: str) -> None:
        super().__init__(message)
        self.reason_code = reason_code


class NotNow(ServiceError):
    """The server takes nothing now (no room, too much waits, no database): come again."""

    code = "not-now"


class NotAllowed(ServiceError):
    """A server does not let this token in, or not that far."""

    code = "not-allowed"


class Stopped(HilumError):
    """A run was asked to stop, by a time limit or a signal; what it has done is kept."""

    code = "stopped"


class UnknownName(HilumError, KeyError):
    """A name that no registry holds; the message lists near matches."""

    code = "unknown-name"

    def __str__(self) -> str:
        return str(self.args[0]) if self.args else ""


class MissingExtra(HilumError, ImportError):
    """An optional dependency is not installed; the message names the extra to install."""

    code = "missing-extra"
