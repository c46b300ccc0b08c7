"""A test client that holds every answer of the API against the API's own description."""

import json
import re
from functools import cache
from typing import Any

from django.test import Client
from drf_spectacular.generators import SchemaGenerator
from jsonschema import Draft202012Validator


@cache
def description() -> dict[str, Any]:
    found: dict[str, Any] = SchemaGenerator().get_schema(request=None, public=True)  # type: ignore[no-untyped-call]
    return json.loads(json.dumps(found))  # type: ignore[no-any-return]


@cache
def _paths() -> list[tuple[re.Pattern[str], dict[str, Any]]]:
    """Addresses as patterns, those without a variable first."""
    found = []
    for path, operations in sorted(
        description()["paths"].items(), key=lambda pair: pair[0].count("{")
    ):
        parts = re.split(r"\{\w+\}", path)
        found.append((re.compile("[^/]+".join(re.escape(part) for part in parts)), operations))
    return found


class DescribedClient(Client):
    """Fails when an answer under /api/ has a status, a type or a shape that the
    description does not promise.
    """

    def request(self, **environ: Any) -> Any:
        answer = super().request(**environ)
        path = environ["PATH_INFO"]
        if path.startswith("/api/") and path not in ("/api/schema/", "/api/docs/"):
            check(path, environ["REQUEST_METHOD"].lower(), answer)
        return answer


def check(path: str, method: str, answer: Any) -> None:
    operations = next((found for pattern, found in _paths() if pattern.fullmatch(path)), None)
    if operations is None or method not in operations:
        assert answer.status_code >= 400, f"{method} {path} is not described"
        return
    promised = operations[method]["responses"]
    code = str(answer.status_code)
    response = promised.get(code) or promised.get(f"{code[0]}XX")
    assert response is not None, f"{method} {path}: {code} is not described"
    content = response.get("content")
    if not content:
        assert answer.content == b"", f"{method} {path}: {code} has a body"
        return
    kind = answer["Content-Type"].partition(";")[0]
    assert kind in content, f"{method} {path}: {code} as {kind}"
    if "json" in kind and not path.endswith("/schema/"):
        schema = {**content[kind]["schema"], "components": description()["components"]}
        errors = [
            f"{one.json_path}: {one.message[:200]}"
            for one in Draft202012Validator(schema).iter_errors(answer.json())
        ]
        assert errors == [], f"{method} {path}: {code}"
