"""What the vocabulary says of a finding."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Finding:
    """A thoracic finding.

    Attributes:
        key: lower case with underscores; what the code and the files' keys use.
        name: display name in English.
        name_zh: display name in Traditional Chinese (繁體中文), as radiologists in Taiwan say it.
        label: how it is written in label columns: no spaces, so that a space can separate labels.
        code: (coding scheme, value): ("SCT", …) for SNOMED CT, ("DCM", …) for PS3.16 Annex D,
            ("RADLEX", …) for RadLex; None where no code is known to mean just this.
        appearance: one sentence on what it looks like.
        synonyms: other spellings in published tables, compared without case, space or underscore.
        parents: keys of the wider findings that this one is a kind of; present with it.
    """

    key: str
    name: str
    name_zh: str
    label: str
    code: tuple[str, str] | None
    appearance: str
    synonyms: tuple[str, ...] = ()
    parents: tuple[str, ...] = ()
