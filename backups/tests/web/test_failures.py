import re
import uuid
from datetime import timedelta
from html import unescape
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from backups.derived import findings
from backups.models import Backup, Cloud
from backups.tests.accounts import make_operator

pytestmark = [pytest.mark.either, pytest.mark.django_db]
QUOTA = "VolumeBackup.0064: CreateBackup Task-fail: fsp cinder return backup status is error."
HTML = "<img src=x onerror=alert(1)> " + "long " * 2000 + "\u202e"


@pytest.fixture
def web(client: Client) -> Client:
    now = timezone.now()
    Cloud.objects.create(name="otc", last_good_at=now, attempted_at=now)
    client.force_login(make_operator("operator"))
    return client


def fail(reason: str | None, *, hours: float, n: int = 1, status: str = "error") -> None:
    """So many backups that failed for a reason, the newest so many hours ago."""
    now = timezone.now()
    rows = [
        Backup(
            id=uuid.uuid4(),
            cloud_id="otc",
            name=f"nightly-{at}",
            status=status,
            fail_reason=reason,
            created_at=now - timedelta(hours=hours + 24 * at),
            tracked_at=now,
            refreshed_at=now,
            stale_at=now + timedelta(hours=1),
        )
        for at in range(n)
    ]
    Backup.objects.bulk_create(rows)
    findings.note([row.pk for row in rows], now)


def words(page: Any) -> str:
    return " ".join(unescape(re.sub(r"<[^>]*>", " ", page.content.decode())).split())


def counts(page: Any, section: str) -> list[str]:
    """The number of backups of each cause in a section."""
    found = re.search(rf'<section id="{section}".*?</section>', page.content.decode(), re.DOTALL)
    return re.findall(r'class="num count">\s*<a href="[^"]*">([\d,]+)<', found[0]) if found else []


def test_equal_causes_are_one_and_what_still_happens_comes_first(web: Client) -> None:
    fail(QUOTA, hours=2, n=3)
    fail("incomplete backup reset on manager restart", hours=24 * 9, n=2)
    fail(None, hours=24 * 5)
    page = web.get("/failures/")
    assert (counts(page, "now"), counts(page, "past")) == (["3"], ["1", "2"])
    assert "6 failed backups have 3 causes; 1 is still happening ." in words(page)
    assert "fail_reason is empty" in words(page)


def test_every_number_is_the_row_count_of_the_list_it_leads_to(web: Client) -> None:
    fail(QUOTA, hours=2, n=3)
    fail(None, hours=30, n=2, status="error_deleting")
    page = web.get("/failures/").content.decode()
    links = re.findall(r'<a href="(/backups/\?[^"]*)">(\d+)</a>', page)
    assert [int(n) for _, n in links] == [5, 3, 2]
    for link, n in links:
        listed = web.get(unescape(link)).content.decode()
        assert len(re.findall(r'<tr role="row"\s+id="b-', listed)) == int(n)


def test_each_error_state_has_advice_also_without_a_reason(web: Client) -> None:
    for state in ("error", "error_deleting", "error_restoring"):
        fail(None, hours=2, status=state)
    fail("left over", hours=2, status="available")
    advice = re.findall(
        r'class="advice">.*?</svg>(.*?)</div>', web.get("/failures/").content.decode(), re.DOTALL
    )
    assert (len(advice), all(len(one) > 20 for one in advice)) == (4, True)


def test_search_and_cloud_leave_out_the_rest(web: Client) -> None:
    fail(QUOTA, hours=2, n=3)
    fail("Backup host 192.0.2.25 did not answer within 646 s", hours=3)
    assert counts(web.get("/failures/?q=FSP CINDER"), "now") == ["3"]
    assert sorted(counts(web.get("/failures/?cloud=otc"), "now")) == ["1", "3"]
    assert "No failure matches." in words(web.get("/failures/?cloud=nowhere"))
    refused = web.get("/failures/?day=1&q=x")
    assert (refused.status_code, 'href="/failures/?q=x"' in refused.content.decode()) == (400, True)


def test_the_page_can_be_stopped_from_updating_itself_and_keeps_its_search(web: Client) -> None:
    fail(QUOTA, hours=1)
    page = web.get("/failures/?q=VolumeBackup").content.decode()
    assert 'href="?q=VolumeBackup&amp;live=off"' in page
    assert (
        'href="?q=VolumeBackup"' in web.get("/failures/?q=VolumeBackup&live=off").content.decode()
    )


def test_nothing_failed_is_said_calmly(web: Client) -> None:
    page = web.get("/failures/")
    assert "No backup has failed." in words(page)
    assert "is-fail" not in page.content.decode()


def test_a_reason_full_of_html_is_text(web: Client) -> None:
    fail(HTML, hours=1)
    page = web.get("/failures/")
    assert (page.status_code, "<img src=x" in page.content.decode()) == (200, False)
