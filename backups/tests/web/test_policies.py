"""What the pages tell of policies, their runs, what is coming, and the move to another service."""

import re
from dataclasses import replace
from datetime import timedelta
from html import unescape
from pathlib import Path
from typing import Any

import pytest
import time_machine
from django.test import Client

from backups.models import Cloud, Role, Volume
from backups.tests.accounts import make_account, make_operator
from backups.tests.alarms.estate import backup, make_clouds
from backups.tests.facts import NOON
from backups.tests.policy_rows import (
    DAY,
    NIGHT,
    disk_row,
    members,
    policy,
    read_policies,
    run,
    vault,
)

pytestmark = [pytest.mark.either, pytest.mark.django_db]
LAST_NIGHT = NIGHT - DAY
H = timedelta(hours=1)


@pytest.fixture(autouse=True)
def clouds(settings: Any, tmp_path: Path, clock: time_machine.Traveller) -> None:
    clock.move_to(NOON)
    make_clouds(settings, tmp_path)
    settings.CLOUDS = {name: replace(of, follow="all") for name, of in settings.CLOUDS.items()}
    read_policies("otc", "eu")


@pytest.fixture
def web(client: Client) -> Client:
    client.force_login(make_operator("operator"))
    return client


def page(web: Client, path: str) -> str:
    answer = web.get(path)
    assert answer.status_code == 200, path
    return answer.content.decode()


def text(html: str) -> str:
    return " ".join(unescape(re.sub(r"<[^>]*>", " ", html)).split())


def links(html: str) -> list[str]:
    return [unescape(href) for href in re.findall(r'href="([^"]*)"', html)]


def rows(html: str) -> list[str]:
    body = html.split("<tbody data-rows>")[1].split("</tbody>")[0]
    return [text(row) for row in body.split("</tr>")[:-1]]


def nightly() -> Any:
    """A policy of three disks, one of which it left out last night."""
    row = policy(1, name="nightly", claimed=4)
    members(row, ["a", "b", "c"])
    run(row, "a", LAST_NIGHT, "made")
    run(row, "b", LAST_NIGHT, "late", late_seconds=7200)
    run(row, "c", LAST_NIGHT, "skipped", reason="AutoBackup.0031: one is running")
    return row


# --- the list of policies, and the page of one ---


def test_the_list_tells_what_is_promised_and_what_came_of_it(web: Client) -> None:
    nightly()
    policy(2, name="off", enabled=False, claimed=0)
    html = page(web, "/policies/")
    assert "1 of 2 policies did not make its newest run for 1 disk." in text(html)
    first, second = rows(html)
    assert "nightly otc" in first
    assert "next today 22:00" in first
    assert "1 skipped 1 late 1 made" in first
    assert "3 of the 4 disks it claims have been seen" in first.replace("3 Of", "3 of")
    assert "It is switched off." in second
    assert "/policies/otc/policy-1/" in links(html)


def test_filters_by_cloud_name_and_what_came_of_the_newest_run(web: Client) -> None:
    nightly()
    policy(2, cloud="eu", name="other")
    assert len(rows(page(web, "/policies/?cloud=eu"))) == 1
    assert "other" in rows(page(web, "/policies/?q=OTH"))[0]
    assert "nightly" in rows(page(web, "/policies/?outcome=skipped"))[0]
    assert "No policy matches" in page(web, "/policies/?outcome=failed")
    for query in ("outcome=odd", "status=error"):
        answer = web.get(f"/policies/?{query}")
        assert answer.status_code == 400
        assert query.split("=")[0] in answer.content.decode()


def test_only_policies_of_open_clouds_are_there(client: Client) -> None:
    nightly()
    policy(2, cloud="eu", name="other")
    client.force_login(make_account("eva", role=Role.VIEWER, clouds=["eu"]))
    html = page(client, "/policies/")
    assert [row.split()[0] for row in rows(html)] == ["other"]
    assert client.get("/policies/otc/policy-1/").status_code == 404
    assert "policy-1" not in html


def test_a_policy_names_the_disks_that_a_run_left_out(web: Client) -> None:
    nightly()
    shown = text(page(web, "/policies/otc/policy-1/"))
    assert "Next run: today 22:00" in shown
    assert "3 promised, one for each disk and time; 1 not made" in shown
    assert "c skipped: AutoBackup.0031: one is running" in shown
    assert "The newest 7 backups are kept." in shown


def test_a_policy_that_nobody_knows_is_not_there(web: Client) -> None:
    answer = web.get("/policies/otc/nothing/")
    assert answer.status_code == 404
    assert "not known here" in answer.content.decode()


@pytest.mark.parametrize(
    ("columns", "sentence"),
    [
        ({"policies_error": "It is not allowed to read policies."}, "not allowed to read policies"),
        ({"policies_read_at": NOON - 5 * H}, "last read 5 h ago"),
        ({"service_ended_at": NOON - H}, "backup service ended"),
    ],
)
def test_what_is_not_known_of_policies_is_said_and_not_green(
    web: Client, columns: dict[str, Any], sentence: str
) -> None:
    members(policy(1, cloud="otc"), ["a"])
    Cloud.objects.filter(name="otc").update(**columns)
    html = page(web, "/policies/")
    assert sentence in text(html)
    if "policies_error" not in columns:
        assert "was on" in rows(html)[0]


def test_the_page_of_clouds_says_why_tasks_were_not_read(web: Client) -> None:
    Cloud.objects.filter(name="otc").update(tasks_error="The tasks were not read: refused.")
    assert "The tasks were not read: refused. runs are judged" in text(page(web, "/clouds/"))


def test_clouds_without_policies_say_so(web: Client, settings: Any) -> None:
    settings.CLOUDS = {"otc": replace(settings.CLOUDS["otc"], api="cinder")}
    Cloud.objects.update(policies_read_at=None, policies_error=None)
    assert "have no backup policies" in text(page(web, "/policies/"))


def test_more_policies_than_a_page_holds_are_counted(web: Client) -> None:
    for number in range(203):
        policy(number)
    html = page(web, "/policies/")
    assert len(rows(html)) == 200
    assert "3 more match" in text(html)


# --- one disk ---


def test_a_disk_tells_its_next_run_its_runs_and_what_goes_next(web: Client) -> None:
    row = policy(1, name="nightly", claimed=1, retention={"count": 1})
    members(row, ["a"])
    made = backup(1, LAST_NIGHT, volume_id="a", name="autobk_1")
    run(row, "a", LAST_NIGHT, "made", backup_id=made.pk)
    run(row, "a", LAST_NIGHT - DAY, "timed_out", reason="AutoBackup.0036: it took too long")
    html = page(web, "/volumes/otc/a/")
    shown = text(html)
    assert "Schedule: scheduled . Policy “nightly” backs it up." in shown
    assert "Next run today 22:00 by policy nightly" in shown
    assert "Next to be deleted: autobk_1 of Mon 23 Nov (expected today 22:00 )" in shown
    assert "AutoBackup.0036: it took too long" in shown
    assert f"/backups/{made.pk}/" in links(html)
    assert "promised run timed out" in unescape(html)
    assert 'data-unkept="27"' in html


def test_a_disk_in_no_schedule_and_one_whose_schedule_is_off_say_so(web: Client) -> None:
    disk_row("a", schedule_read="none")
    members(policy(1, enabled=False, name="nightly"), ["b"])
    Volume.objects.filter(volume_id="b").update(schedule_read="off")
    assert "in no schedule . No policy of its cloud has this disk." in text(
        page(web, "/volumes/otc/a/")
    )
    shown = text(page(web, "/volumes/otc/b/"))
    assert "schedule off . Its policy “nightly” is switched off." in shown
    assert "Next run" not in shown


def test_a_disk_of_two_services_has_the_evidence_of_both(web: Client) -> None:
    disk_row("a", also_under="eu")
    disk_row("a", cloud="eu", also_under="otc", counted_under="otc")
    backup(1, NOON - 2 * DAY, volume_id="a", name="old-one")
    twin = backup(2, NOON - DAY, cloud="eu", volume_id="a", name="new-one")
    backup(3, NOON - DAY, volume_id="a", name="twice", same_as=twin.pk)
    shown = text(page(web, "/volumes/otc/a/"))
    assert "It is counted here; backups and runs of both services stand on this page." in shown
    assert "old-one" in shown
    assert "new-one" in shown
    assert "seen by eu" in shown
    assert "twice" not in shown
    other = page(web, "/volumes/eu/a/")
    assert "It is counted under otc" in text(other)
    assert "/volumes/otc/a/" in links(other)


def test_who_may_not_see_the_other_service_hears_nothing_of_it(client: Client) -> None:
    disk_row("a", also_under="eu")
    backup(2, NOON - DAY, cloud="eu", volume_id="a", name="new-one")
    client.force_login(make_account("eva", role=Role.VIEWER, clouds=["otc"]))
    html = page(client, "/volumes/otc/a/")
    assert "new-one" not in html
    assert "another service" not in html


def test_a_disk_of_a_service_that_ended_says_so(web: Client) -> None:
    disk_row("a")
    Cloud.objects.filter(name="otc").update(service_ended_at=NOON - DAY)
    assert "The backup service of otc ended" in text(page(web, "/volumes/otc/a/"))
    clouds_page = text(page(web, "/clouds/"))
    assert "The backup service of otc ended." in clouds_page
    assert "Its backup service ended 24 h ago" in clouds_page
    assert "the backup service of otc ended" in text(page(web, "/"))


# --- the list of disks ---


def test_columns_and_filters_by_schedule_and_newest_run(web: Client) -> None:
    nightly()
    disk_row("d", schedule_read="none")
    columns = "columns=schedule&columns=policy_name&columns=next_run_at&columns=last_run_outcome"
    html = page(web, f"/volumes/?{columns}&last_run_outcome=skipped")
    [row] = rows(html.replace('<tbody id="rows" data-rows>', "<tbody data-rows>"))
    assert row.startswith("c otc")
    assert "scheduled nightly in 10 h skipped" in row
    html = page(web, "/volumes/?schedule=none")
    [row] = rows(html.replace('<tbody id="rows" data-rows>', "<tbody data-rows>"))
    assert row.startswith("d otc")
    assert "Schedule: in no schedule" in text(html)


def test_the_grid_marks_a_promised_run_that_was_not_made(web: Client) -> None:
    nightly()
    html = page(web, "/volumes/?q=c")
    assert html.count("unkept") == 3  # the row's own days, the cell, and the key
    assert "promised run skipped" in html
    assert "promised runs not made on 1 day" in html
    card = web.get("/volumes/otc/c/day/2026-11-23/", headers={"HX-Request": "true"})
    assert "Promised for 22:00: skipped" in text(card.content.decode())
    assert "AutoBackup.0031: one is running" in text(card.content.decode())


# --- home ---


def test_home_counts_promised_runs_and_each_number_is_its_list(web: Client) -> None:
    nightly()
    disk_row("d", schedule_read="none")
    disk_row("e", schedule_read="none", deleted_at=NOON)
    disk_row("f", schedule_read="none", exempt_reason="scratch")
    disk_row("g", cloud="eu", schedule_read="none", counted_under="otc")
    html = page(web, "/")
    plan = html.split('aria-labelledby="plan-h"')[1].split("</section>")[0]
    assert "1 skipped 1 late 1 made 3 scheduled 1 in no schedule" in text(plan)
    for href in links(plan):
        if href.startswith("/volumes/"):
            assert "1 matching" in text(page(web, href)) or "3 matching" in text(page(web, href))


def test_home_without_any_policy_has_no_word_of_runs(web: Client) -> None:
    disk_row("d")
    assert 'id="plan-h"' not in page(web, "/")
    assert 'id="coming"' not in page(web, "/")


def test_home_tells_what_is_coming_apart_from_what_needs_attention(web: Client) -> None:
    policy(1, name="forgotten", claimed=0)
    disk_row("d")
    html = page(web, "/")
    block = html.split('id="coming"')[1].split("</section>")[0]
    assert "forgotten Policy without a disk · otc" in text(block)
    assert "Add the disks that it was made for, or delete it." in text(block)
    assert "/policies/otc/policy-1/" in links(block)
    assert 'id="coming"' in page(web, "/policies/")


@pytest.mark.parametrize(
    ("first", "then", "answer"),
    [
        ("/volumes/?group=judged&schedule=none", "", "d otc"),
        ("/volumes/?group=judged&last_run_outcome=skipped", "/volumes/otc/c/", "AutoBackup.0031"),
        ("/policies/", "/policies/otc/policy-1/", "Next run: today 22:00"),
    ],
)
def test_the_questions_of_an_operator_are_few_clicks_from_home(
    web: Client, first: str, then: str, answer: str
) -> None:
    nightly()
    disk_row("d", schedule_read="none")
    home = page(web, "/")
    [href, *_] = [href for href in links(home) if href.startswith(first)]
    html = page(web, href)
    if then:
        assert then in links(html)
        html = page(web, then)
    assert answer in text(html)


# --- the move to another service ---


def test_the_page_of_the_move_says_when_it_has_something_to_tell(web: Client) -> None:
    assert "No project is seen by two services." in page(web, "/migration/")
    assert "/migration/" not in links(page(web, "/policies/"))


def test_the_page_of_the_move_tells_which_disks_have_not_moved(web: Client, settings: Any) -> None:
    settings.CLOUDS = {**settings.CLOUDS, "eu": replace(settings.CLOUDS["eu"], api="cbr")}
    settings.CLOUDS["otc"] = replace(settings.CLOUDS["otc"], api="vbs")
    Cloud.objects.filter(name="otc").update(other_service="eu")
    Cloud.objects.filter(name="eu").update(other_service="otc")
    nightly()
    one = vault(1, [], cloud="eu")
    one.resources.create(resource_id="a", resource_type="volume", since=NOON, seen_at=NOON)
    disk_row("d")
    assert "/migration/" in links(page(web, "/policies/"))
    html = page(web, "/migration/")
    shown = text(html)
    assert "1 of 4 disks are in a vault of CBR." in shown
    assert "In VBS only: 2" in shown
    assert "In both: 1" in shown
    assert "In no vault: 1" in shown
    assert "Policies left behind" in shown
    assert "/policies/otc/policy-1/" in links(html)
    Cloud.objects.filter(name="otc").update(service_ended_at=NOON - DAY)
    assert "VBS ended:" in text(page(web, "/migration/"))
