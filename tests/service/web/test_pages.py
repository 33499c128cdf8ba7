"""Pages as browsers get them: who may see what, what is recorded, nothing of a header that runs."""

import csv
import io
import json
import re
from html.parser import HTMLParser

import pytest
from sqlalchemy import select

from hilum.service.process import Here
from hilum.service.store.tables import Delivery, Instance, Process, Seen, Study, TurnedAway
from hilum.service.web.templating import static
from tests.service.web.seeded import put, readings, seed

HTMX = {"HX-Request": "true", "Accept": "text/html"}
PAGE = {"Accept": "text/html,*/*"}


class Attributes(HTMLParser):
    """Attributes of a page as a browser sees them."""

    def __init__(self) -> None:
        super().__init__()
        self.seen: list[tuple[str, str]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.seen += [(name, value or "") for name, value in attrs]


@pytest.fixture
def seeded(here: Here, drawn) -> dict[str, str]:
    return seed(here, drawn)


def actions(here: Here, study: str | None = None) -> list[str]:
    with here.store.reading() as session:
        rows = session.scalars(select(Seen).order_by(Seen.id)).all()
    return [row.action for row in rows if study in (None, row.study_id)]


def test_the_worklist_shows_studies_and_is_recorded(here: Here, seeded, client) -> None:
    viewer = client("view")
    answer = viewer.get("/", headers=PAGE)
    assert answer.status_code == 200
    assert answer.text.count('class="who"') == 3
    assert "WANG, XIAOMEI · 王小美" in answer.text
    assert "Research software" in answer.text
    assert "Body part HAND" in answer.text
    assert answer.headers["cache-control"] == "no-store"
    assert actions(here) == ["view worklist"]
    viewer.post("/worklist", data={"text": "wang"}, headers=HTMX)
    assert actions(here)[1:] == ["search"]


def test_a_list_that_has_not_changed_is_not_sent_again(here: Here, seeded, client) -> None:
    viewer = client("view")
    first = viewer.post("/worklist", headers=HTMX).text
    seen = re.search(r'name="seen" value="(\w+)"', first)[1]
    assert viewer.post("/worklist", data={"seen": seen}, headers=HTMX).status_code == 204
    put(here, seeded["two"], reviewed_at=9e9, reviewed_by="dr")
    again = viewer.post("/worklist", data={"seen": seen}, headers=HTMX)
    assert again.status_code == 200
    assert "<html" not in again.text


def test_without_htmx_a_search_is_a_page(seeded, client) -> None:
    answer = client("view").post("/worklist", data={"text": "wang", "page": "x"}, headers=PAGE)
    assert "<html" in answer.text
    assert answer.text.count('class="who"') == 1


def test_an_odd_question_is_answered_as_if_it_were_not_asked(seeded, client) -> None:
    viewer = client("view")
    for query in (
        "state=odd", "finding=<script>x", "days=-1", "days=²", "order=;", "page=0", "page=-9",
        "page=99999999999999999999", "reviewed=maybe", "finding=" + "x" * 5000, "days=" + "9" * 400,
    ):  # fmt: skip
        answer = viewer.get(f"/?{query}", headers=PAGE)
        assert answer.status_code == 200, query
        assert answer.text.count('class="who"') == 3, query
        assert "<script>x" not in answer.text


def test_what_headers_hold_never_runs(seeded, client) -> None:
    admin = client("admin")
    for path in ("/", "/status", "/studies/{two}", "/studies/{nasty}", "/upload"):
        for language in ("en", "zh-TW,zh;q=0.9"):
            headers = PAGE | {"Accept-Language": language}
            text = admin.get(path.format(**seeded), headers=headers).text
            assert "<img src=x" not in text
            assert "<script>7" not in text
            assert "A<1>" not in text
            found = Attributes()
            found.feed(text)
            assert len(found.seen) > 50
            for name, value in found.seen:
                assert name != "style"
                assert not name.startswith("on")
                if name in {"href", "src", "action"}:
                    assert value.startswith(("/", "#")), value


def test_the_nasty_name_is_shown_as_text(seeded, client) -> None:
    text = client("view").get(f"/studies/{seeded['nasty']}", headers=PAGE).text
    assert "&lt;img src=x" in text.lower()
    assert "JANE" in text


def test_a_study_shows_what_was_said(here: Here, seeded, client) -> None:
    viewer = client("view")
    answer = viewer.get(f"/studies/{seeded['two']}", headers=PAGE)
    (first, second) = readings(here, seeded["two"])
    assert first.id in answer.text
    assert second.id in answer.text
    facts = re.search(r'id="reading-facts">(.*?)</script>', answer.text, re.S)[1]
    opened = json.loads(facts)
    record = next(one for one in (first, second) if one.id == opened["reading"]).record
    for p in record["predictions"]:
        assert opened["findings"][p["finding"]]["p"] == p["probability"]
        assert f'data-finding="{p["finding"]}"' in answer.text
    assert actions(here, seeded["two"]) == ["view study"]
    other = next(one for one in (first, second) if one.id != opened["reading"])
    answer = viewer.get(f"/studies/{seeded['two']}?image={other.instance_id}", headers=PAGE)
    assert f'"reading":"{other.id}"' in answer.text


def test_a_refusal_never_looks_normal(here: Here, seeded, client) -> None:
    text = client("view").get(f"/studies/{seeded['hand']}", headers=PAGE).text
    assert "NOT READ" in text
    assert "Body part HAND, not a chest." in text
    assert "No finding above its operating point" not in text
    (reading,) = readings(here, seeded["hand"])
    table = client("view").get(f"/readings/{reading.id}/download/csv").text
    assert table.splitlines()[1].startswith("refusal,body-part,")


@pytest.mark.parametrize(
    ("state", "expected"), [("waiting", "being read"), ("failed", "was laid aside")]
)
def test_what_is_not_read_says_so(here: Here, drawn, client, state: str, expected: str) -> None:
    study = here.door.accept(drawn(9), origin="test").study
    with here.store.writing() as session:
        session.query(Instance).one().state = state
    text = client("view").get(f"/studies/{study}", headers=PAGE).text
    assert expected in text
    assert "No finding above its operating point" not in text


@pytest.mark.parametrize(
    ("state", "expected"),
    [("waiting", "being read anew"), ("failed", "that failed"), ("refused", "refused when read")],
)
def test_an_older_reading_says_that_it_is_one(here, seeded, client, state, expected) -> None:
    with here.store.writing() as session:
        session.query(Instance).filter_by(study_id=seeded["nasty"]).one().state = state
    assert expected in client("view").get(f"/studies/{seeded['nasty']}", headers=PAGE).text


def test_pictures(here: Here, seeded, client) -> None:
    viewer = client("view")
    (reading,) = readings(here, seeded["nasty"])
    small = viewer.get(f"/readings/{reading.id}/preview.jpg")
    large = viewer.get(f"/readings/{reading.id}/display.png")
    assert small.content[:2] == b"\xff\xd8"
    assert large.content[:4] == b"\x89PNG"
    assert large.headers["cache-control"].startswith("private")
    assert large.headers["vary"] == small.headers["vary"] == "Cookie", "not for who comes next"
    assert "grids" in viewer.get(f"/readings/{reading.id}/grids.json").json()
    assert actions(here, seeded["nasty"]) == ["picture"]
    for path in ("evidence.npz", "..%2fpreview.jpg", "display.png/x"):
        assert viewer.get(f"/readings/{reading.id}/{path}").status_code == 404
    assert viewer.get(f"/readings/{'0' * 32}/display.png").status_code == 404


def test_tables_and_records(here: Here, seeded, client) -> None:
    viewer = client("view")
    (reading,) = readings(here, seeded["nasty"])
    answer = viewer.get(f"/readings/{reading.id}/download/csv")
    rows = list(csv.DictReader(io.StringIO(answer.text)))
    told = {p["finding"]: p for p in reading.record["predictions"]}
    assert {row["finding"]: float(row["probability"]) for row in rows} == {
        key: p["probability"] for key, p in told.items()
    }
    whole = viewer.get(f"/readings/{reading.id}/download/json")
    assert whole.json()["record"] == reading.record
    for one in (answer, whole):
        assert re.fullmatch(
            r'attachment; filename="hilum-[0-9a-f]{12}\.\w+"', one.headers["content-disposition"]
        )
        assert "JANE" not in one.text
    assert actions(here, seeded["nasty"]) == ["download csv", "download json"]
    assert viewer.get(f"/readings/{reading.id}/download/exe").status_code == 404


def test_objects(here: Here, seeded, client) -> None:
    """Every link of a study's page answers with what it says."""
    viewer = client("view")
    text = viewer.get(f"/studies/{seeded['two']}", headers=PAGE).text
    ways = re.findall(r'href="(/readings/\w+/download/([\w-]+))"', text)
    assert {"pdf", "sr", "gsps", "sc"} <= {kind for _, kind in ways}
    for way, kind in ways:
        answer = viewer.get(way, headers=PAGE)
        assert answer.status_code == 200, (kind, re.findall(r"banner.*", answer.text))
        assert answer.headers["content-disposition"].startswith("attachment")
        if kind == "pdf":
            assert answer.content[:5] == b"%PDF-"
        elif kind not in {"csv", "json"}:
            assert answer.content[128:132] == b"DICM"


def test_roles(client) -> None:
    for role, path, status in (
        (None, "/", 303), (None, "/status", 303), (None, "/upload", 303),
        ("send", "/", 303), ("send", "/upload", 200), ("send", "/status", 403),
        ("view", "/", 200), ("view", "/status", 200), ("admin", "/status", 200),
    ):  # fmt: skip
        assert client(role).get(path, headers=PAGE).status_code == status, (role, path)


def test_studies_and_pictures_need_the_role_view(here: Here, seeded, client) -> None:
    (reading,) = readings(here, seeded["nasty"])
    for one in (client(None), client("send")):
        for path in (f"/studies/{seeded['nasty']}", f"/readings/{reading.id}/display.png",
                     f"/readings/{reading.id}/download/csv"):  # fmt: skip
            assert one.get(path).status_code in {401, 403}
        assert one.post(f"/studies/{seeded['nasty']}/reviewed").status_code in {401, 403}


def test_a_reader_marks_a_study_and_goes_on(here: Here, seeded, client) -> None:
    reader = client("read")
    answer = reader.post(f"/studies/{seeded['hand']}/reviewed", headers=PAGE)
    assert answer.status_code == 303
    assert answer.headers["location"] in {f"/studies/{seeded[k]}" for k in ("nasty", "two")}
    with here.store.reading() as session:
        assert session.get_one(Study, seeded["hand"]).reviewed_by == reader.person
    assert actions(here, seeded["hand"]) == ["review study"]
    assert client("view").post(f"/studies/{seeded['hand']}/reviewed").status_code == 403
    for key in ("nasty", "two"):
        answer = reader.post(f"/studies/{seeded[key]}/reviewed")
    assert answer.headers["location"] == "/"
    assert reader.get(f"/studies/{seeded['two']}/next").headers["location"] == "/"


def test_a_page_learns_that_its_study_has_changed(here: Here, seeded, drawn, client) -> None:
    viewer = client("view")
    text = viewer.get(f"/studies/{seeded['two']}", headers=PAGE).text
    path = re.search(r'hx-get="(/studies/\w+/stamp\?seen=\w+)"', text)[1]
    assert viewer.get(path, headers=HTMX).status_code == 204
    here.door.accept(drawn(5, study_uid="1.2.2", patient_id="P2"), origin="test")
    told = viewer.get(path, headers=HTMX)
    assert "Something new has come" in told.text
    assert "hx-refresh" not in told.headers  # somebody may be writing
    assert viewer.get(f"{path}&expected=1", headers=HTMX).headers["hx-refresh"] == "true"


def test_what_is_not_there(client) -> None:
    viewer = client("view")
    for path in ("/studies/x", f"/studies/{'0' * 32}", "/studies/x/next", "/static/x/none.js",
                 "/static/x/..%2fpages%2fstudy.py", "/static/x/words.json",
                 "/language/de"):  # fmt: skip
        assert viewer.get(path, headers=PAGE).status_code in {303, 404}, path


def test_static_files_are_for_everybody_and_for_ever(client) -> None:
    path = static("serve.css")
    answer = client(None).get(path)
    assert answer.status_code == 200
    assert "immutable" in answer.headers["cache-control"]
    assert client(None).get(path.replace("/static/", "/static/0")).headers["cache-control"] == (
        "no-cache"
    )
    style = client(None).get(static("style.css"))
    assert ":root" in style.text


@pytest.mark.parametrize(
    ("back", "to"),
    [("/upload?x=1", "/upload?x=1"), ("//evil.example", "/"), ("https://evil.example", "/"),
     ("/\\evil.example", "/"), ("/a\r\nX: y", "/"), ("", "/")],
)  # fmt: skip
def test_a_language_is_remembered(client, back: str, to: str) -> None:
    viewer = client("view")
    answer = viewer.get("/language/zh-Hant", params={"back": back})
    assert (answer.status_code, answer.headers["location"]) == (303, to)
    text = viewer.get("/upload", headers=PAGE).text
    assert '<html lang="zh-Hant"' in text
    assert "送入 X 光片" in text


def test_the_theme_is_remembered(client) -> None:
    viewer = client("view")
    viewer.cookies.set("hilum_theme", "dark")
    assert 'data-theme="dark"' in viewer.get("/upload", headers=PAGE).text
    viewer.cookies.set("hilum_theme", '"><script>')
    assert "data-theme" not in viewer.get("/upload", headers=PAGE).text


def test_the_server_page_and_what_was_given_up(here: Here, seeded, client) -> None:
    with here.store.writing() as session:
        session.add(Process(role="web", pid=1, started_at=9e9, heard_at=9e9, facts={"answers": 3}))
        session.add(Process(role="read", pid=2, started_at=1, heard_at=1, facts={}))
        session.add(TurnedAway(at=1, origin="http:x", name="2", code="damaged", why="It is cut."))
        for n in range(2):
            session.add(Delivery(key=f"{n}", study_id=seeded["two"], place="pacs", kind="sr",
                                 state="dead", attempts=9, why="Refused.", made_at=1))  # fmt: skip
        session.query(Instance).filter_by(study_id=seeded["hand"]).one().state = "failed"
    viewer, admin = client("view"), client("admin")
    text = viewer.get("/status", headers=PAGE).text
    for expected in ("alive", "silent", "not heard of", "It is cut.", "Refused.", "answers 3"):
        assert expected in text, expected
    assert "Try again" not in text
    text = admin.get("/status", headers=HTMX).text
    assert "<html" not in text
    ways = re.findall(r'action="(/status/[\w/]+)"', text)
    assert len(ways) == 4
    assert viewer.post(ways[0]).status_code == 403
    assert admin.post(ways[1]).status_code == 303
    with here.store.reading() as session:
        assert sorted(session.scalars(select(Delivery.state))) == ["dead", "due"]
    assert admin.post("/status/deliveries").status_code == 303
    assert admin.post(ways[3]).status_code == 303
    with here.store.reading() as session:
        assert set(session.scalars(select(Delivery.state))) == {"due"}
        assert session.query(Instance).filter_by(study_id=seeded["hand"]).one().state == "waiting"
    assert admin.post(ways[1]).status_code == 404
    assert admin.post(ways[3]).status_code == 404
    assert "deliver again" in actions(here, seeded["two"])
    assert "read again" in actions(here, seeded["hand"])


def test_a_page_is_light(here: Here, seeded, client) -> None:
    """At most 300 KB without pictures: the page, and all that it loads."""
    viewer = client("view")
    for path in ("/", f"/studies/{seeded['two']}", "/upload", "/status"):
        text = viewer.get(path, headers=PAGE).text
        files = set(re.findall(r'(?:src|href)="(/static/[^"]+)"', text))
        assert len(files) >= 4
        size = len(text.encode()) + sum(len(viewer.get(one).content) for one in files)
        assert size < 300_000, (path, size)
