"""What the API really answers is what its description says."""

from __future__ import annotations

import jsonschema
import pytest

from hilum.service.reading.process import read_waiting


@pytest.fixture
def described(client):
    return client(None).get("/v1/openapi.json").json()


def check(described, path, answer, method="get"):
    """Hold an answer against the description of its operation."""
    told = described["paths"][path][method]["responses"][str(answer.status_code)]
    kind = answer.headers["content-type"].partition(";")[0]
    schema = told["content"][kind]["schema"] | {"components": described["components"]}
    jsonschema.Draft202012Validator(schema).validate(answer.json())
    return answer.json()


def test_a_reading_and_a_refusal(client, here, drawn, fixed_bundle, described):
    sender, viewer = client("send", bearer=True), client("view", bearer=True)
    sent = check(described, "/v1/readings", sender.post("/v1/readings", content=drawn(1)), "post")
    read_waiting(here)
    bundle = fixed_bundle("refuses", refuses=True, effusion=0.2, mass=0.2, nodule=0.2)
    object.__setattr__(here.settings.reading, "bundle", str(bundle.location))
    sender.post("/v1/readings", content=drawn(2))
    read_waiting(here)
    kinds = set()
    for seed in (1, 2):
        answer = sender.post("/v1/readings?wait=5", content=drawn(seed))
        (part,) = check(described, "/v1/readings", answer, "post")["parts"]
        path = "/v1/readings/{reading_id}"
        reading = check(described, path, viewer.get(f"/v1/readings/{part['reading']['id']}"))
        kinds.add(reading["kind"])
        for kind, name in (("instances", "instance_id"), ("studies", "study_id")):
            key = part[kind.replace("studies", "study").removesuffix("s")]
            check(described, f"/v1/{kind}/{{{name}}}", viewer.get(f"/v1/{kind}/{key}"))
    assert kinds == {"reading", "refusal"}
    check(described, "/v1/jobs/{job_id}", sender.get(f"/v1/jobs/{sent['id']}?records=true"))
    check(described, "/v1/studies", viewer.get("/v1/studies?most=1"))
    wanted = {"patient_id": "P1"}
    check(described, "/v1/studies/search", viewer.post("/v1/studies/search", json=wanted), "post")


def test_a_record_that_is_none_would_be_noticed(described):
    schema = described["components"]["schemas"]["ReadingShape"]["properties"]["record"]
    schema = schema | {"components": described["components"]}
    with pytest.raises(jsonschema.ValidationError, match="is not valid under any"):
        jsonschema.Draft202012Validator(schema).validate({"image": "x"})


def test_only_the_api_is_described(described):
    assert described["openapi"].startswith("3.1")
    assert all(
        path.startswith(("/v1/", "/healthz", "/readyz", "/metrics")) for path in described["paths"]
    )
    assert {"/v1/readings", "/v1/pulls", "/v1/corrections.csv"} <= set(described["paths"])
    for path, methods in described["paths"].items():
        for operation in methods.values():
            assert operation.get("description") or operation.get("summary"), path
            assert ("security" in operation) is (path not in {"/healthz", "/readyz"})


@pytest.mark.parametrize(
    ("path", "method"),
    [("/v1/jobs/0", "get"), ("/v1/studies?most=x", "get"), ("/v1/studies/search", "post")],
)
def test_problems_are_described_too(client, described, path, method):
    answer = client("view", bearer=True).request(method, path)
    schema = {"$ref": "#/components/schemas/Problem", "components": described["components"]}
    jsonschema.Draft202012Validator(schema).validate(answer.json())
    assert answer.status_code == 422
