"""The one family of templates, and the files that pages carry in themselves."""

from __future__ import annotations

from functools import cache
from importlib.resources import files

import jinja2


@cache
def environment() -> jinja2.Environment:
    """Templates of this room: everything is escaped, an unknown name is an error."""
    return jinja2.Environment(
        loader=jinja2.PackageLoader("hilum.report", "templates"),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )


@cache
def asset(name: str) -> str:
    """The text of a file beside the templates: a stylesheet, a script, the words."""
    return (files("hilum.report") / "templates" / name).read_text("utf-8")
