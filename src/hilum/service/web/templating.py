"""Pages: Jinja templates with the words of a language, and the files that pages load.

Every template gets ``t(key, **values)`` (the word in the reader's language), ``name(finding)``,
``person`` (None where nobody is signed in), ``csrf``, ``language`` ("en" or "zh-Hant"), ``theme``,
``url(path, **query)``, ``static(name)``, ``current`` (path and query that was asked for),
``reads_with`` (the bundles) and ``web_title``. Whole pages extend ``base.html.j2``; parts for HTMX
stand alone.

Words lie in ``words.json`` here and in ``words-*.json`` beside it, over those of ``hilum read``'s
page; each is ``{"en": {…}, "zh": {…}}``. Nothing may stand inside a page that runs: no inline
script, no inline style, no ``hx-on`` (the content security policy forbids them); a JSON island is
``{{ island(value) }}``.
"""

from __future__ import annotations

import hashlib
import json
from datetime import UTC, datetime
from functools import cache
from importlib.resources import files
from typing import Any, Literal
from urllib.parse import quote, urlencode

import jinja2
from fastapi import APIRouter, HTTPException, Request
from fastapi.responses import HTMLResponse, RedirectResponse, Response
from markupsafe import Markup

import hilum
from hilum.domain import finding
from hilum.errors import UnknownName
from hilum.report.templating import asset
from hilum.service.web.reads_with import reads_with

LANGUAGES: dict[str, Literal["en", "zh"]] = {"en": "en", "zh-Hant": "zh"}
"""Language of a page → key in the files of words."""

SCRIPT_WORDS = ("no_answer", "signed_out", "not_allowed", "went_wrong")
"""Words that scripts need on every page; a page's own stand in an island of its own."""

LANGUAGE_COOKIE = "hilum_language"
THEME_COOKIE = "hilum_theme"
_YEAR_S = 365 * 24 * 3600
_TYPES = {
    "css": "text/css; charset=utf-8", "js": "text/javascript; charset=utf-8",
    "svg": "image/svg+xml",
}  # fmt: skip

router = APIRouter()


def page(request: Request, template: str, *, status: int = 200, **facts: Any) -> HTMLResponse:
    """Answer with a page, or a part of one.

    Args:
        request: who asks, for language, person and CSRF token.
        template: name of a file in ``templates/``.
        status: of the answer.
        facts: for the template.
    """
    language = language_of(request)
    state = request.state
    query = f"?{request.url.query}" if request.url.query else ""
    settings = request.app.state.here.settings
    text = (
        environment()
        .get_template(template)
        .render(
            **{
                "t": _Words(language),
                "name": _name_in(language),
                "language": language,
                "theme": _theme(request),
                "person": getattr(state, "person", None),
                "csrf": getattr(state, "csrf", ""),
                "current": request.url.path + query,
                "status": status,
                "words_of_scripts": {key: words(language)[key] for key in SCRIPT_WORDS},
                "web_title": settings.web.title,
                "reads_with": reads_with(settings.reading),
                **facts,
            }
        )
    )
    headers = {"Cache-Control": "no-store", "Vary": "Cookie, Accept-Language, HX-Request"}
    return HTMLResponse(text, status_code=status, headers=headers)


def language_of(request: Request) -> str:
    """The language that a browser asked for: chosen on a page, or its own."""
    chosen = request.cookies.get(LANGUAGE_COOKIE)
    if chosen in LANGUAGES:
        return chosen
    wanted = request.headers.get("accept-language", "").strip().lower()
    return "zh-Hant" if wanted.startswith("zh") else "en"


def words(language: str) -> dict[str, str]:
    """All words of a language.

    Args:
        language: a key of :data:`LANGUAGES`.
    """
    return _words()[LANGUAGES[language]]


def finding_name(key: str, language: str) -> str:
    """A finding in a language; its key where this Hilum does not know it."""
    try:
        known = finding(key)
    except UnknownName:
        return key
    return known.name_zh if language == "zh-Hant" else known.name


class _Words:
    def __init__(self, language: str) -> None:
        self._words = words(language)

    def __call__(self, key: str, /, **values: Any) -> str:
        text = self._words[key]
        return text.format(**values) if values else text

    def known(self, text: str) -> str:
        """A text of a card in this language; as it is where no words are there for it."""
        return self._words.get(text, text)


def _name_in(language: str) -> Any:
    return lambda key: finding_name(key, language)


def _theme(request: Request) -> str:
    chosen = request.cookies.get(THEME_COOKIE, "")
    return chosen if chosen in {"light", "dark"} else ""


@cache
def environment() -> jinja2.Environment:
    """Templates of the server: everything is escaped, an unknown name is an error."""
    made = jinja2.Environment(
        loader=jinja2.PackageLoader("hilum.service.web", "templates"),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.filters |= {"moment": moment, "in_words": lambda key, name: name(key)}
    made.globals |= {"url": url, "static": static, "island": island, "hilum": hilum.__version__}
    return made


def url(path: str, **query: Any) -> str:
    """A path of this server with a query; empty values are left out."""
    kept = {key: value for key, value in query.items() if value is not None and value != ""}
    return quote(path, safe="/%") + (f"?{urlencode(kept)}" if kept else "")


def static(name: str) -> str:
    """The address of a file that pages load; it changes with the file."""
    return f"/static/{_static(name)[1]}/{name}"


def island(value: Any) -> Markup:
    """JSON that may stand inside a script element: nothing in it can close the element."""
    text = json.dumps(value, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    for char, escape in (("<", "\\u003c"), (">", "\\u003e"), ("&", "\\u0026")):
        text = text.replace(char, escape)
    return Markup(text)  # noqa: S704  escaped above


def moment(at: float | None) -> Markup:
    """A time as an element that scripts write in the reader's clock; UTC without them."""
    if at is None:
        return Markup("–")
    time = datetime.fromtimestamp(at, UTC)
    return Markup('<time datetime="{}">{} UTC</time>').format(
        time.isoformat(timespec="seconds"), f"{time:%Y-%m-%d %H:%M}"
    )


@router.get("/static/{digest}/{name}", include_in_schema=False)
def static_file(digest: str, name: str) -> Response:
    """A script or stylesheet; for everybody, and for ever."""
    try:
        data, known = _static(name)
    except (FileNotFoundError, KeyError):
        raise HTTPException(404, "There is no such file.") from None
    lasting = "public, max-age=31536000, immutable" if digest == known else "no-cache"
    return Response(data, media_type=_TYPES[name.rsplit(".", 1)[1]], headers={
        "Cache-Control": lasting, "ETag": f'"{known}"', "X-Content-Type-Options": "nosniff",
    })  # fmt: skip


@router.get("/language/{language}", include_in_schema=False)
def choose_language(language: str, request: Request, back: str = "/") -> Response:
    """Remember a language, and go back to the page that was open."""
    if language not in LANGUAGES:
        raise HTTPException(404, "There is no such language.")
    local = back.startswith("/") and not back.startswith(("//", "/\\")) and back.isprintable()
    answer = RedirectResponse(back if local else "/", 303)
    answer.set_cookie(
        LANGUAGE_COOKIE, language, max_age=_YEAR_S, httponly=True, samesite="strict",
        secure=request.url.scheme == "https",
    )  # fmt: skip
    return answer


@cache
def _static(name: str) -> tuple[bytes, str]:
    """A file and a digest of it; the style of reports comes from there."""
    if "/" in name or "\\" in name or name.rsplit(".", 1)[-1] not in _TYPES:
        raise KeyError(name)
    if name in ("style.css", "heatmap.js"):  # those of every page of Hilum
        data = asset(name).encode("utf-8")
    else:
        data = (files("hilum.service.web") / "static" / name).read_bytes()
    return data, hashlib.sha256(data).hexdigest()[:16]


@cache
def _words() -> dict[str, dict[str, str]]:
    """Words of reports, and those of the server over them."""
    folder = files("hilum.service.web")
    ours = sorted(
        (one for one in folder.iterdir() if one.name.startswith("words") and
         one.name.endswith(".json")), key=lambda one: one.name,
    )  # fmt: skip
    texts = [asset("words.json"), *(one.read_text("utf-8") for one in ours)]
    found: dict[str, dict[str, str]] = {key: {} for key in LANGUAGES.values()}
    for text in texts:
        for key, table in json.loads(text).items():
            found[key] |= table
    return found
