"""What it costs to refuse a body of the largest size that is full of mistakes: no more than a
second, and 100 KB.
"""

import json
import time
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

ALLOWED = 5 * 2**20  # Bytes of a body.
LARGEST_REFUSAL = 100_000  # Bytes.
VOLUME = "vol-bench"


@dataclass(frozen=True)
class Question:
    method: Literal["post", "patch", "put"]
    path: str
    body: str


def questions(cloud: str) -> Mapping[str, Question]:
    """Returns bodies of nearly the allowed size, each with as many mistakes of one sort as
    there is room for.
    """
    keys = _unknown_keys()
    texts = f'["{"x" * 60}"' + f', "{"x" * 60}"' * 80_000 + "]"
    objects = json.dumps([{"wrong": "x" * 480}] * 9_999)
    backups = "/api/backups/"
    refresh = "/api/backups/refresh/"
    volume = f"/api/volumes/{cloud}/{VOLUME}/"
    two_tags = texts[:2] + '"]'
    return {
        "300,000 unknown keys, adding": Question("post", backups, keys),
        "300,000 unknown keys, refreshing": Question("post", refresh, keys),
        "300,000 unknown keys, of a disk": Question("patch", volume, keys),
        "300,000 unknown keys, of a rule": Question("put", "/api/rules/tags/t/", keys),
        "300,000 unknown keys inside a rule": Question("patch", volume, f'{{"rule": {keys}}}'),
        "10,000 IDs of another type": Question("post", backups, _adding(cloud, objects)),
        "80,000 IDs": Question("post", backups, _adding(cloud, texts)),
        "10,000 texts that are no ID": Question("post", refresh, f'{{"ids": {objects}}}'),
        "80,000 tags": Question("patch", volume, f'{{"tags": {texts}}}'),
        "80,000 tags for many": Question(
            "post", "/api/backups/tag/", f'{{"add": {texts}, "remove": {two_tags}}}'
        ),
        "a body that is a list": Question("post", backups, texts),
        "600,000 words in one text": Question(
            "post", backups, json.dumps({"cloud": cloud, "ids": ["not an id " * 200_000]})
        ),
        "one key twice": Question("post", backups, keys.replace('"cloud"', '"key00000001"')),
        "brackets": Question("post", backups, "[" * (ALLOWED - 1)),
        "500,000 lists that hold nothing": Question(
            "post", backups, "[" + "[[[[]]]]," * 500_000 + "1]"
        ),
        "a million numbers": Question(
            "post", "/api/volumes/", f'{{"label": [{"1.5, " * 900_000}1]}}'
        ),
    }


def _unknown_keys() -> str:
    """Returns an object of nearly the allowed size: `{"key00000000": 1, …, "cloud": 1}`."""
    pairs = "".join(f'"key{n:08d}": 1, ' for n in range(250_000))
    whole_pairs = pairs[: ALLOWED - 100].rpartition('"key')[0]
    return "{" + whole_pairs + '"cloud": 1}'


def _adding(cloud: str, ids: str) -> str:
    return f'{{"cloud": "{cloud}", "ids": {ids}}}'


def put(client: Client, question: Question) -> Any:
    """Sends a question and returns Django's answer."""
    send = getattr(client, question.method)
    return send(question.path, question.body, content_type="application/json")


@override_settings(REDIS_URL=None, API_RATE="1000000/minute")
def run(report: Report) -> None:
    report.head("Refusals of bodies of 5 MiB")
    Cloud.objects.get_or_create(name=CLOUD)
    Volume.objects.get_or_create(
        cloud_id=CLOUD, volume_id=VOLUME, defaults={"first_seen_at": timezone.now()}
    )
    user = User.objects.create_superuser(f"bench-{uuid.uuid4().hex[:8]}")
    key = tokens.create(user=user, now=timezone.now()).key
    client = Client(headers={"Authorization": f"Bearer {key}"}, SERVER_NAME="localhost")
    largest = 0
    for name, question in questions(CLOUD).items():
        bare = spent(partial(_parse, question.body)).cpu
        answer, cpu = _measured_put(client, question)
        report.row(f"{name} ({answer.status_code})", cpu, "s", most=1)
        report.row("  the bare json.loads of it", bare, "s")
        largest = max(largest, len(answer.content))
    report.row("the largest answer", largest / 1000, "kB", most=LARGEST_REFUSAL / 1000)


def _measured_put(client: Client, question: Question) -> tuple[Any, float]:
    """Returns the answer, and the seconds of CPU that it took."""
    began = time.process_time()
    answer = put(client, question)
    return answer, time.process_time() - began


def _parse(body: str) -> object:
    try:
        return json.loads(body)
    except (ValueError, RecursionError):
        return None
