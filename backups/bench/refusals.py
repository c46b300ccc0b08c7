"""What it costs to refuse a body of the largest size that is full of mistakes: no more than a
second, and 100 KB.
"""

import json
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any, Literal

from django.contrib.auth.models import User
from django.test import Client
from django.test.utils import override_settings
from django.utils import timezone

from backups.bench.fill import CLOUD
from backups.bench.report import Report, spent
from backups.edits import tokens
from backups.models import Cloud, Volume

ALLOWED = 5 * 2**20  # bytes of a body
LARGEST_REFUSAL = 100_000  # bytes
VOLUME = "vol-bench"


@dataclass(frozen=True)
class Question:
    method: Literal["post", "patch", "put"]
    path: str
    body: str


def questions(cloud: str) -> Mapping[str, Question]:
    """Bodies of nearly the allowed size, each with as many mistakes of one sort as there is room
    for.
    """
    keys = _filled('{"key%08d": 1, ', '"cloud": 1}')
    texts = f'["{"x" * 60}"' + f', "{"x" * 60}"' * 80_000 + "]"
    wrong = "[" + ", ".join([json.dumps({"wrong": "x" * 480})] * 9_999) + "]"
    volume = f"/api/volumes/{cloud}/{VOLUME}/"
    tag = "/api/rules/tags/t/"
    return {
        "300,000 unknown keys, adding": Question("post", "/api/backups/", keys),
        "300,000 unknown keys, refreshing": Question("post", "/api/backups/refresh/", keys),
        "300,000 unknown keys, of a disk": Question("patch", volume, keys),
        "300,000 unknown keys, of a rule": Question("put", tag, keys),
        "300,000 unknown keys inside a rule": Question("patch", volume, f'{{"rule": {keys}}}'),
        "10,000 IDs of another type": Question(
            "post", "/api/backups/", f'{{"cloud": "{cloud}", "ids": {wrong}}}'
        ),
        "80,000 IDs": Question("post", "/api/backups/", f'{{"cloud": "{cloud}", "ids": {texts}}}'),
        "10,000 texts that are no ID": Question(
            "post", "/api/backups/refresh/", f'{{"ids": {wrong}}}'
        ),
        "80,000 tags": Question("patch", volume, f'{{"tags": {texts}}}'),
        "80,000 tags for many": Question(
            "post", "/api/backups/tag/", f'{{"add": {texts}, "remove": {texts[:2]}"]}}'
        ),
        "a body that is a list": Question("post", "/api/backups/", texts),
        "600,000 words in one text": Question(
            "post", "/api/backups/", _ids(cloud, "not an id " * 200_000)
        ),
        "one key twice": Question(
            "post", "/api/backups/", keys.replace('"cloud"', '"key00000001"')
        ),
        "brackets": Question("post", "/api/backups/", "[" * (ALLOWED - 1)),
        "500,000 lists that hold nothing": Question(
            "post", "/api/backups/", "[" + "[[[[]]]]," * 500_000 + "1]"
        ),
        "a million numbers": Question(
            "post", "/api/volumes/", f'{{"label": [{"1.5, " * 900_000}1]}}'
        ),
    }


def _filled(one: str, end: str) -> str:
    parts = [one[1:] % n for n in range(250_000)]
    return "{" + "".join(parts)[: ALLOWED - 100].rpartition('"key')[0] + end


def _ids(cloud: str, text: str) -> str:
    return json.dumps({"cloud": cloud, "ids": [text]})


def put(client: Client, question: Question) -> Any:
    asking = getattr(client, question.method)
    return asking(question.path, question.body, content_type="application/json")


@override_settings(REDIS_URL=None, API_RATE="1000000/minute")
def run(report: Report) -> None:
    report.head("Refusals of bodies of 5 MiB")
    Cloud.objects.get_or_create(name=CLOUD)
    Volume.objects.get_or_create(
        cloud_id=CLOUD, volume_id=VOLUME, defaults={"first_seen_at": timezone.now()}
    )
    user = User.objects.create_user(f"bench-{uuid.uuid4().hex[:8]}")
    key = tokens.create(user=user, now=timezone.now()).key
    client = Client(headers={"Authorization": f"Bearer {key}"}, SERVER_NAME="localhost")
    largest = 0
    for name, question in questions(CLOUD).items():
        bare = spent(partial(_parse, question.body)).cpu
        answers: list[Any] = []
        took = spent(partial(_put, client, question, answers))
        report.row(f"{name} ({answers[0].status_code})", took.cpu, "s", most=1)
        report.row("  the bare json.loads of it", bare, "s")
        largest = max(largest, len(answers[0].content))
    report.row("the largest answer", largest / 1000, "kB", most=LARGEST_REFUSAL / 1000)


def _put(client: Client, question: Question, answers: list[Any]) -> None:
    answers.append(put(client, question))


def _parse(body: str) -> object:
    try:
        return json.loads(body)
    except (ValueError, RecursionError):
        return None
