import re
import uuid
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.utils import timezone

from backups.engine import tracking
from backups.engine.plan import Fetched
from backups.engine.refresh import apply
from backups.models import Backup
from backups.vbs import payload
from backups.vbs.clouds import load_clouds

pytestmark = pytest.mark.django_db
ENTRY = """
clouds:
  otc:
    auth: {auth_url: "http://127.0.0.1:9/v3", username: u, password: p, user_domain_name: d, project_id: p}
"""
A, B = "2ef47aee-8844-490c-804d-2a8efe561c65", "5b2f0c9e-1a6d-4c43-8f7e-2d9a0b1c3e4f"


@pytest.fixture
def operator(client: Client, settings: Any, tmp_path: Any) -> Client:
    """Signed in, one cloud configured."""
    file = tmp_path / "clouds.yaml"
    file.write_text(ENTRY)
    settings.CLOUDS = load_clouds({"OS_CLIENT_CONFIG_FILE": str(file)}, cwd=tmp_path, home=tmp_path)
    client.force_login(User.objects.create_user("operator"))
    return client


def track(*bodies: dict[str, Any]) -> None:
    now = timezone.now()
    tracking.add(cloud="otc", values=[body["id"] for body in bodies], now=now)
    apply("otc", [Fetched(uuid.UUID(body["id"]), now, answer=payload.decode(body)) for body in bodies])


def test_every_page_wants_a_sign_in(client: Client) -> None:
    for path in ("/", "/backups/", "/backups/add/", f"/backups/{A}/", "/clouds/"):
        answer = client.get(path)
        assert (answer.status_code, answer["Location"]) == (302, f"/accounts/login/?next={path}")


def test_the_process_answers_without_a_sign_in(client: Client) -> None:
    assert client.get("/healthz").status_code == 200
    ready = client.get("/readyz")
    assert (ready.status_code, ready.json()["parts"]["worker"]) == (503, "No worker has taken a message yet.")


def test_each_page_shows_every_sample(operator: Client, sample: dict[str, Any]) -> None:
    track(sample)
    for path in ("/", "/backups/", "/clouds/", f"/backups/{sample['id']}/"):
        assert operator.get(path).status_code == 200
    assert sample["id"] in operator.get("/backups/").content.decode()


def test_foreign_text_is_escaped(operator: Client) -> None:
    nasty = "<script>alert(1)</script>\u202e" + "x" * 5000
    track({"id": A, "status": nasty, "name": nasty, "description": nasty, "fail_reason": nasty})
    for path in ("/backups/", f"/backups/{A}/", "/"):
        assert "<script>alert" not in operator.get(path).content.decode()


def test_the_list_costs_the_same_queries_for_one_row_and_for_three(
    operator: Client, django_assert_num_queries: Any
) -> None:
    for count in (1, 3):
        tracking.add(cloud="otc", values=[str(uuid.uuid4()) for _ in range(count)], now=timezone.now())
        with django_assert_num_queries(4):  # session, user, count, rows
            operator.get("/backups/")


def test_adding_one_leads_to_its_page_and_adding_several_to_the_list(operator: Client) -> None:
    one = operator.post("/backups/add/", {"cloud": "otc", "backup_ids": A})
    assert (one.status_code, one["Location"]) == (302, f"/backups/{A}/")
    two = operator.post("/backups/add/", {"cloud": "otc", "backup_ids": f"{A}\n{B}"})
    assert (two.status_code, two["Location"]) == (302, "/backups/")


def test_adding_writes_what_is_valid_and_keeps_the_text_of_the_rest(operator: Client) -> None:
    answer = operator.post("/backups/add/", {"cloud": "otc", "backup_ids": f"{A} nonsense"})
    assert answer.status_code == 200
    assert "nonsense" in re.search(r"<textarea.*?</textarea>", answer.content.decode(), re.DOTALL)[0]  # type: ignore[index]
    assert [str(pk) for pk in Backup.objects.values_list("pk", flat=True)] == [A]


def test_a_preview_writes_nothing(operator: Client) -> None:
    answer = operator.post("/backups/add/", {"cloud": "otc", "backup_ids": f"{A} {A} x", "preview": "1"})
    assert answer.status_code == 200
    assert [verdict.state for verdict in answer.context["verdicts"]] == ["new", "duplicate", "invalid"]
    assert Backup.objects.count() == 0


def test_an_unknown_cloud_is_said_beside_the_field(operator: Client) -> None:
    answer = operator.post("/backups/add/", {"cloud": "nowhere", "backup_ids": A})
    assert answer.status_code == 200
    assert "“nowhere” is no configured cloud. Configured: otc." in answer.content.decode()
    assert Backup.objects.count() == 0


def test_five_thousand_ids_are_added_at_once(operator: Client) -> None:
    text = "\n".join(str(uuid.uuid4()) for _ in range(5000))
    assert operator.post("/backups/add/", {"cloud": "otc", "backup_ids": text}).status_code == 302
    assert Backup.objects.count() == 5000


@pytest.mark.parametrize("query", ["colour=red", "kind=big", "tracking_state=old", "cursor=x"])
def test_a_bad_filter_is_named(operator: Client, query: str) -> None:
    answer = operator.get(f"/backups/?{query}")
    assert answer.status_code == 400
    assert f"{query.partition('=')[0]}:" in answer.content.decode()


def test_an_untracked_id_is_a_404_that_says_so(operator: Client) -> None:
    answer = operator.get(f"/backups/{A}/")
    assert answer.status_code == 404
    assert f"{A} is not tracked." in answer.content.decode()


def test_pages_hold_every_row_once(operator: Client) -> None:
    tracking.add(cloud="otc", values=[str(uuid.uuid4()) for _ in range(120)], now=timezone.now())
    seen, url = [], "/backups/"
    while url:
        answer = operator.get(url)
        seen += [str(row["id"]) for row in answer.context["rows"]]
        url = f"/backups/{answer.context['next']}" if answer.context["next"] else ""
    assert seen == sorted(str(pk) for pk in Backup.objects.values_list("pk", flat=True))


def test_refresh_and_untrack_are_posts(operator: Client) -> None:
    track({"id": A, "status": "available"})
    assert operator.get(f"/backups/{A}/refresh/").status_code == 405
    assert operator.post(f"/backups/{A}/refresh/")["Location"] == f"/backups/{A}/"
    assert operator.post(f"/backups/{A}/untrack/")["Location"] == "/backups/"
    assert operator.post(f"/backups/{A}/untrack/").status_code == 404
