"""The interface: answers are the student's, and nothing that comes in does harm."""

import dataclasses
import json

import pytest
import seqio
from starlette.testclient import TestClient

import tasks  # noqa: F401 - registers them
from fsa_jax.decoding.search import DecodingConfig
from fsa_jax.serving import app as serving
from fsa_jax.serving.app import Limits, make_app
from fsa_jax.student.predict import Predictor

LIMITS = Limits(body=20_000, texts=4, characters=1_000, waiting=4, batch=4)


@pytest.fixture
def predictors(student):
    decoding = DecodingConfig(max_length=6, batch_size=4)
    classified = dataclasses.replace(student, task=seqio.get_mixture_or_task("tsc_rest14"))
    return {"finds": Predictor(student, decoding), "judges": Predictor(classified, decoding)}


@pytest.fixture
def client(predictors):
    with TestClient(make_app(predictors, LIMITS)) as client:
        yield client


def ask(client, headers=None, **body):
    return client.post("/predict", json=body, headers=headers or {})


def test_answers_are_those_of_the_student(client, predictors):
    texts = ["The soup was cold .", "", "Great ! Nice waiter ."]
    for more in ({}, {"sentences": True}):
        found = ask(client, texts=texts, **more)
        assert found.status_code == 200
        wanted = predictors["finds"].predict(texts, split=bool(more))
        assert found.json()["answers"] == json.loads(json.dumps(wanted))
        assert found.json()["model"] == "finds"
    found = ask(client, texts=["The soup was cold ."], model="judges", given=["soup"]).json()
    assert found["answers"] == predictors["judges"].predict(["The soup was cold ."], ["soup"])


@pytest.mark.parametrize(
    ("body", "code", "message"),
    [
        ({"texts": []}, 422, "at least 1 item"),
        ({"texts": "a"}, 422, "valid list"),
        ({"texts": [3]}, 422, "valid string"),
        ({"texts": ["a"], "tests": 1}, 422, "not permitted"),
        ({"texts": ["a"] * 5}, 422, "5 texts: 4 at most"),
        ({"texts": ["a", "b" * 1001]}, 422, "text 1 has 1001 characters: 1000 at most"),
        ({"texts": ["a"], "model": "../x"}, 404, "no model '../x': finds, judges"),
        ({"texts": ["a"], "model": "judges"}, 422, "give one a text"),
        ({"texts": ["a"], "given": ["b"]}, 422, "do not give"),
        ({"texts": ["a"], "model": "judges", "given": ["b"], "sentences": True}, 422, "not split"),
    ],
)
def test_a_request_that_does_not_fit_is_told_why(client, body, code, message):
    found = ask(client, **body)
    assert found.status_code == code
    assert message in json.dumps(found.json())


@pytest.mark.parametrize(
    "content",
    [b"", b"{", b"\xff\xfe", b'{"texts": ["\xff"]}', b"[" * 10_000, b'{"texts": [1e999]}'],
)
def test_what_is_no_json_is_refused(client, content):
    found = client.post("/predict", content=content, headers={"Content-Type": "application/json"})
    assert 400 <= found.status_code < 500
    assert isinstance(found.json()["detail"], str)


def test_half_a_character_is_refused(client):
    found = client.post("/predict", content=b'{"texts": ["a \\ud800 b"]}')
    assert 400 <= found.status_code < 500


def test_a_large_body_is_refused_also_where_its_size_is_not_told(client):
    found = client.post("/predict", content=b"x" * 20_001)
    assert found.status_code == 413
    assert found.headers["content-security-policy"]
    parts = (b"x" * 1000 for _ in range(1000))
    assert client.post("/predict", content=parts).status_code == 413


def test_what_is_far_too_large_is_refused_by_default(predictors):
    with TestClient(make_app(predictors)) as client:
        assert client.post("/predict", content=b"x" * 10_000_000).status_code == 413
        found = ask(client, texts=["x" * 100_000])
        assert (found.status_code, found.json()["detail"]) == (
            422,
            "text 0 has 100000 characters: 10000 at most",
        )


def test_markup_in_a_review_comes_back_as_text(client):
    text = "<script>alert(1)</script> & <b>soup</b>"
    found = ask(client, texts=[text])
    assert found.status_code == 200
    assert found.headers["content-type"] == "application/json"
    assert found.headers["x-content-type-options"] == "nosniff"


def test_the_page_loads_nothing_from_elsewhere(client):
    for path in ("/", "/static/page.js", "/static/page.css"):
        found = client.get(path)
        assert found.status_code == 200
        assert "://" not in found.text
        policy = found.headers["content-security-policy"]
        assert policy.startswith("default-src 'none'; script-src 'self';")
        assert "unsafe" not in policy
    assert "innerHTML" not in client.get("/static/page.js").text
    assert " style=" not in client.get("/").text


@pytest.mark.parametrize(
    "name", ["app.py", "..%2Fapp.py", "%2e%2e/app.py", "..%5capp.py", "page.js%00", "/etc/passwd"]
)
def test_no_other_file_is_given_out(client, name):
    assert client.get(f"/static/{name}").status_code == 404


def test_who_has_no_key_gets_no_answer(predictors):
    with TestClient(make_app(predictors, LIMITS, "s3cret")) as client:
        for headers in ({}, {"Authorization": "Bearer s3cre"}, {"Authorization": "s3cret"}):
            found = ask(client, headers, texts=["a"])
            assert found.status_code == 401
            assert found.headers["www-authenticate"] == "Bearer"
        assert client.get("/metrics").status_code == 401
        assert client.get("/health").json() == {"status": "ok"}
        assert ask(client, {"Authorization": "Bearer s3cret"}, texts=["a"]).status_code == 200


def test_what_is_served_is_listed_and_counted(client):
    assert [(m["name"], m["answers"], m["task"]) for m in client.get("/models").json()] == [
        ("finds", "tsa", "tsa_rest14"),
        ("judges", "tsc", "tsc_rest14"),
    ]
    ask(client, texts=["a", "b", "c"])
    ask(client, texts=["a" * 1001])
    counted = client.get("/metrics").text
    assert 'fsa_requests_total{model="finds",status="200"} 1.0' in counted
    assert 'fsa_requests_total{model="finds",status="422"} 1.0' in counted
    assert 'fsa_texts_total{model="finds"} 3.0' in counted
    assert 'fsa_batch_texts_count{model="finds"} 2.0' in counted  # two and one
    assert 'fsa_waiting_texts{model="finds"} 0.0' in counted


def test_who_comes_when_too_much_waits_is_told_when_to_come_again(predictors):
    full = dataclasses.replace(LIMITS, waiting=1)
    with TestClient(make_app(predictors, full)) as client:
        found = ask(client, texts=["a", "b"])
        assert found.status_code == 503
        assert int(found.headers["retry-after"]) >= 1
        assert "try again in" in found.json()["detail"]


def test_clients_are_told_when_their_connection_will_be_closed(predictors):
    stopping = []
    with TestClient(make_app(predictors, LIMITS, is_stopping=lambda: bool(stopping))) as client:
        assert "connection" not in client.get("/health").headers
        stopping.append(True)
        assert client.get("/health").headers["connection"] == "close"


def test_the_description_names_every_way_in_and_every_refusal(client):
    described = client.get("/openapi.json").json()
    assert set(described["paths"]) == {"/predict", "/models", "/health", "/metrics"}
    told = set(described["paths"]["/predict"]["post"]["responses"])
    assert {"200", "401", "404", "413", "422", "503"} <= told


def test_warming_up_asks_in_each_size_of_a_batch(predictors):
    sizes = []

    class Spy:
        form = predictors["judges"].form

        def predict(self, texts, given):
            assert len(texts) == len(given)
            sizes.append(len(texts))

    serving.warm_up(Spy(), 4)
    assert sizes == [1, 1, 2, 2, 4, 4]
