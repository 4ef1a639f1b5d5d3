"""Requests drawn from the interface's own description, and broken ones, do no harm."""

import contextlib
import os

import hypothesis
import pytest
import schemathesis
from schemathesis.checks import not_a_server_error
from schemathesis.generation import GenerationMode
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from fsa_jax.decoding.search import DecodingConfig
from fsa_jax.serving.app import Limits, make_app
from fsa_jax.student.predict import Predictor

CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_schema_conformance,
]
EXAMPLES = int(os.environ.get("FSA_FUZZ_EXAMPLES", "2000"))  # of the slow run, for each way in


class Quick(Predictor):
    """Finds each text's first word; checks and forms are real, only the decoding is not."""

    def _write(self, pairs, inputs, decoding):
        found = []
        for text, _ in pairs:
            word = text.split()[0]
            found.append(self._read(f"{word} | positive", text, []))
        return found


@pytest.fixture
def described(student):
    """The interface as it describes itself."""
    limits = Limits(body=50_000, texts=8, characters=500, waiting=16)
    models = {"one": Quick(student, DecodingConfig()), "two": Quick(student, DecodingConfig())}
    return schemathesis.openapi.from_asgi("/openapi.json", make_app(models, limits, "the key"))


def fuzz(described, examples):
    """Sends requests to every way in; returns how many were answered with which code."""
    answered = {}
    for operation in described.get_all_operations():
        for mode in (GenerationMode.POSITIVE, GenerationMode.NEGATIVE):

            @hypothesis.settings(
                max_examples=examples,
                deadline=None,
                derandomize=True,
                database=None,
                suppress_health_check=list(hypothesis.HealthCheck),
            )
            @hypothesis.given(case=operation.ok().as_strategy(generation_mode=mode))
            def send(case):
                response = case.call(headers={"Authorization": "Bearer the key"})
                case.validate_response(response, checks=CHECKS)
                answered[response.status_code] = answered.get(response.status_code, 0) + 1

            # What takes no parameters cannot be asked wrongly.
            with contextlib.suppress(hypothesis.errors.Unsatisfiable):
                send()
    return answered


def test_a_few_requests_of_every_kind_are_answered_or_refused(described):
    answered = fuzz(described, 15)
    assert {200, 422} <= set(answered)


@pytest.mark.slow
def test_thousands_of_requests_are_answered_or_refused(described):
    answered = fuzz(described, EXAMPLES)
    print(dict(sorted(answered.items())))
    assert {200, 404, 422} <= set(answered)
