import re
import uuid
from collections.abc import Callable
from datetime import timedelta
from html import escape, unescape
from typing import Any

import pytest
import time_machine
from django.test import Client
from django.utils import timezone

from backups.analysis.causes import explain
from backups.edits import tracking
from backups.models import Backup, Cloud
from backups.refresh.apply import apply
from backups.refresh.plan import Fetched
from backups.tests.accounts import make_operator
from backups.tests.otc import configure, silent
from backups.tests.sample_bodies import sample_bodies
from backups.vbs import payload
from vbsdash import public_url

pytestmark = [pytest.mark.either, pytest.mark.django_db]
ONE, TWO = "2ef47aee-8844-490c-804d-2a8efe561c65", "7e8f9a0b-1c2d-4e3f-8a4b-5c6d7e8f9a0b"


@pytest.fixture(autouse=True)
def otc(settings: Any, tmp_path: Any) -> None:
    """One configured cloud that nobody asks anything here."""
    configure(
        settings, tmp_path, silent("otc", vbs_endpoint_override="https://vbs.eu-de.example/v2/p")
    )


@pytest.fixture
def web(client: Client) -> Client:
    client.force_login(make_operator("operator"))
    return client


def track(*bodies: dict[str, Any]) -> None:
    """Add these bodies' IDs and store the bodies as answers of the cloud."""
    now = timezone.now()
    tracking.add(cloud="otc", values=[body["id"] for body in bodies], now=now)
    apply(
        "otc",
        [Fetched(uuid.UUID(body["id"]), now, answer=payload.receive(body)) for body in bodies],
    )


def body(number: int = 1, **words: Any) -> dict[str, Any]:
    return {
        "id": str(uuid.UUID(int=number)),
        "name": f"b{number}",
        "status": "available",
        "service_metadata": None,
    } | words


def shown(page: Any) -> list[str]:
    """The IDs of the list's rows, in order."""
    return re.findall(r'<tr role="row" id="b-([0-9a-f-]{36})"', page.content.decode())


def matching(page: Any) -> str:
    return str(re.findall(r'id="matching"[^>]*>([^<]*)<', page.content.decode())[0])


def test_every_sample_renders_on_the_list_and_on_its_own_page(
    web: Client, sample: dict[str, Any]
) -> None:
    track(sample)
    listed = web.get("/backups/")
    assert (listed.status_code, shown(listed)) == (200, [sample["id"].lower()])
    page = web.get(f"/backups/{sample['id'].lower()}/")
    said = " ".join(unescape(re.sub(r"<[^>]*>", " ", page.content.decode())).split())
    assert (page.status_code, sample["volume_id"] in said) == (200, True)
    for problem in Backup.objects.get().decode_problems:
        assert " ".join(problem.split()) in said


def test_a_backup_page_gives_each_word_of_a_full_answer(web: Client) -> None:
    sample = dict(sample_bodies())["01_available_full_all_keys_0"]
    track(sample)
    text = web.get(f"/backups/{sample['id']}/").content.decode()
    facts = re.sub(
        r"<[^>]+>", " ", "".join(re.findall(r"<dl class=\"facts\">.*?</dl>", text, re.DOTALL))
    )
    row = Backup.objects.get()
    for word in (
        "volume_id",
        "availability_zone",
        "container",
        "storage_path",
        "job_id",
        "volume_type",
        "host_id",
    ):
        value = getattr(row, word)
        assert (word, value is None or escape(value) in facts) == (word, True)


@pytest.mark.parametrize(
    "path", ["/", "/backups/", "/backups/add/", f"/backups/{ONE}/", "/clouds/"]
)
def test_a_stranger_is_sent_to_the_sign_in_page(client: Client, path: str) -> None:
    answer = client.get(path)
    assert (answer.status_code, answer["Location"]) == (302, f"/accounts/login/?next={path}")


def test_a_name_from_the_cloud_is_text_and_never_markup(web: Client) -> None:
    hostile = '<script>alert("x")</script> نسخة'
    track(
        body(
            name=hostile,
            fail_reason=hostile,
            description=hostile,
            volume_id=hostile,
            status=hostile,
        )
    )
    for path in ("/backups/", f"/backups/{uuid.UUID(int=1)}/", "/"):
        text = web.get(path).content.decode()
        assert (path, "<script>alert" in text, escape(hostile) in text) == (path, False, True)


def test_an_unknown_status_keeps_the_clouds_own_word(web: Client) -> None:
    track(body(status="frozen_by_admin"))
    found = re.findall(
        r'st st-(\w+)" title="([^"]*)">.*?<span>([^<]*)</span>',
        web.get("/backups/").content.decode(),
    )
    assert found == [
        (
            "unk",
            "A status that vbsdash does not know, in the cloud&#x27;s own word.",
            "frozen_by_admin",
        )
    ]


def test_what_is_stale_was_available_and_what_is_gone_is_gone(web: Client) -> None:
    track(body(1), body(2))
    Backup.objects.filter(pk=uuid.UUID(int=1)).update(stale_at=timezone.now() - timedelta(hours=1))
    Backup.objects.filter(pk=uuid.UUID(int=2)).update(gone_at=timezone.now())
    found = re.findall(
        r'st st-(\w+)"[^>]*>.*?<span>([^<]*)</span>', web.get("/backups/").content.decode()
    )
    assert sorted(found) == [("mute", "gone"), ("unk", "was available")]


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("status=error", [2]),
        ("status=error&status=creating", [2, 3]),
        ("cloud=otc&status=creating", [3]),
        ("cloud=elsewhere", []),
        ("tracking_state=fresh", [1, 2, 3]),
        ("tracking_state=gone", []),
        ("volume_id=v-3", [3]),
        ("kind=incremental", [1]),
        ("q=NIGHTLY", [1]),
        ("q=quota", [2]),
        (f"q={uuid.UUID(int=3)}", [3]),
        ("status=&cloud=&kind=&q=", [1, 2, 3]),
    ],
)
def test_the_list_shows_what_its_filters_leave(
    web: Client, query: str, expected: list[int]
) -> None:
    track(
        body(1, name="nightly-db", description='{"INC": 1, "DESC": ""}'),
        body(2, status="error", fail_reason="Quota used up"),
        body(3, status="creating", volume_id="v-3"),
    )
    page = web.get(f"/backups/?{query}", follow=True)
    assert (sorted(uuid.UUID(one).int for one in shown(page)), matching(page)) == (
        expected,
        f"{len(expected)} matching",
    )


@pytest.mark.parametrize(
    ("query", "word", "rest"),
    [
        ("colour=red&status=error", "colour", "status=error"),
        ("kind=sideways&status=error", "kind", "status=error"),
        ("tracking_state=asleep&q=db", "tracking_state", "q=db"),
        ("cursor=nonsense&q=db", "cursor", "q=db"),
        ("status=%00", "status", ""),
    ],
)
def test_a_filter_that_is_not_understood_is_named_and_the_rest_kept(
    web: Client, query: str, word: str, rest: str
) -> None:
    page = web.get(f"/backups/?{query}")
    text = page.content.decode()
    named = re.findall(r"<code>([^<]*)</code>: ", text)
    kept = re.findall(r'btn-primary"\s+href="([^"]*)"', text)
    assert (page.status_code, named, kept) == (
        400,
        [word],
        ["/backups/" + (f"?{rest}" if rest else "")],
    )


def test_pages_by_cursor_hold_every_row_once_forwards_and_backwards(web: Client) -> None:
    now = timezone.now()
    cloud = Cloud.objects.create(name="otc")
    ids = [uuid.UUID(int=n) for n in range(1, 121)]
    Backup.objects.bulk_create(Backup(id=one, cloud=cloud, tracked_at=now) for one in ids)
    walked, address = [], "/backups/?cloud=otc"
    sizes = []
    while address:
        page = web.get(address)
        sizes.append(len(shown(page)))
        walked += shown(page)
        following = re.findall(r'rel="next"\s+href="([^"]*)"', page.content.decode())
        address = "/backups/" + following[0].replace("&amp;", "&") if following else ""
    assert (sizes, walked) == ([50, 50, 20], [str(one) for one in ids])
    previous = re.findall(r'rel="prev"\s+href="([^"]*)"', page.content.decode())[0].replace(
        "&amp;", "&"
    )
    assert shown(web.get(f"/backups/{previous}")) == [str(one) for one in ids[50:100]]
    last = re.findall(
        r'href="([^"]*)">\s*Last\s*<', web.get("/backups/?cloud=otc").content.decode()
    )[0]
    assert shown(web.get("/backups/" + last.replace("&amp;", "&"))) == [
        str(one) for one in ids[70:]
    ]


def test_a_poll_gets_the_rows_alone_and_comes_faster_while_something_moves(web: Client) -> None:
    track(body(1))
    poll = {"HX-Request": "true", "HX-Trigger": "live"}
    calm = web.get("/backups/", headers=poll).content.decode()
    track(body(2, status="creating"))
    moving = web.get("/backups/", headers=poll).content.decode()
    title, _, rest = calm.partition("\n")
    assert title == "<title>1 Backups · vbsdash</title>"
    assert [rest.lstrip()[:14], "<html" in calm] == ['<div id="live"', False]
    assert [re.findall(r'data-poll-seconds="(\d+)"', text) for text in (calm, moving)] == [
        ["30"],
        ["3"],
    ]


def test_the_numbers_of_home_equal_the_lists_they_lead_to(web: Client) -> None:
    track(
        body(1), body(2), body(3, status="error"), body(4, status="creating"), body(5, status="odd")
    )
    tracking.add(cloud="otc", values=[ONE], now=timezone.now())
    Backup.objects.filter(pk=uuid.UUID(int=2)).update(gone_at=timezone.now())
    text = web.get("/").content.decode()
    tiles = re.findall(r'<li>\s*<a href="([^"]*)">\s*<b>([\d,]+)</b>', text)
    assert [
        (path, n)
        for path, n in tiles
        if matching(web.get(path.replace("&amp;", "&"))) != f"{n} matching"
    ] == []
    assert [path for path, _ in tiles] == [
        *(f"/backups/?status={word}" for word in ("available", "creating", "error", "odd")),
        "/backups/?tracking_state=pending",
        "/backups/?tracking_state=gone",
    ]
    [heading] = re.findall(r'<h1 id="say">(.*?)</h1>', text, re.DOTALL)
    assert (
        " ".join(re.sub(r"<[^>]+>", "", heading).split())
        == "6 backups are tracked. 1 incident needs attention, 1 new since yesterday."
    )


def post(web: Client, text: str, **more: str) -> Any:
    return web.post("/backups/add/", {"cloud": "otc", "backup_ids": text, **more})


def verdicts(page: Any) -> list[str]:
    section = page.content.decode().split('id="verdicts"')[1].split("</section>")[0]
    return re.findall(r'title="[^"]*"><svg.*?<span>([^<]*)</span>', section)


def test_a_preview_gives_each_line_its_verdict_and_writes_nothing(web: Client) -> None:
    track(body(1))
    page = post(web, f"{ONE} {ONE} {uuid.UUID(int=1)} tuesday", preview="1")
    assert (page.status_code, verdicts(page)) == (
        200,
        ["new", "twice in your text", "already tracked", "not an ID"],
    )
    assert Backup.objects.count() == 1


@pytest.mark.parametrize(
    ("text", "leads_to"),
    [(ONE, [ONE]), (f"{ONE}\n{ONE}", [ONE]), (f"{ONE},{TWO}", sorted([ONE, TWO]))],
)
def test_adding_what_is_all_valid_leads_to_the_list_of_just_these(
    web: Client, clock: time_machine.Traveller, text: str, leads_to: list[str]
) -> None:
    track(body(9))
    clock.shift(1)
    answer = post(web, text)
    page = web.get(answer["Location"])
    assert (answer.status_code, sorted(shown(page)), matching(page)) == (
        302,
        leads_to,
        f"{len(leads_to)} matching",
    )
    chips = re.findall(r'aria-label="Remove filter (.*?)"', page.content.decode())
    assert chips == ["just added"]
    Backup.objects.filter(pk=uuid.UUID(int=9)).delete()
    assert {str(pk) for pk in Backup.objects.values_list("pk", flat=True)} == set(
        re.findall(r"[0-9a-f-]{36}", text)
    )


def test_adding_something_invalid_writes_the_rest_and_keeps_what_is_wrong(web: Client) -> None:
    page = post(web, f"{ONE}\n<b>tuesday")
    kept = re.findall(r"<textarea.*?>\n(.*?)</textarea>", page.content.decode(), re.DOTALL)
    assert (page.status_code, verdicts(page), kept) == (
        200,
        ["added", "not an ID"],
        ["&lt;b&gt;tuesday"],
    )
    assert [str(pk) for pk in Backup.objects.values_list("pk", flat=True)] == [ONE]
    assert "Show the backup that was added" in page.content.decode()
    assert "Nothing was added." in post(web, "tuesday").content.decode()


SHOWN = f"| Property | Value |\n| id | {ONE} |\n| volume_id | {TWO} |"


def test_the_id_of_a_disk_is_left_out_which_is_no_mistake(web: Client) -> None:
    preview = post(web, SHOWN, preview="1")
    assert verdicts(preview) == ["new", "left out"]
    text = preview.content.decode()
    assert ("left out: a disk&#x27;s ID" in text, "1 new, 1 left out" in text) == (True, True)
    assert post(web, SHOWN).status_code == 302
    assert [str(pk) for pk in Backup.objects.values_list("pk", flat=True)] == [ONE]


def test_a_text_that_holds_only_ids_of_disks_adds_nothing_and_says_so(web: Client) -> None:
    answer = post(web, f"volume_id: {ONE}\nvolume_id: {TWO}")
    assert (answer.status_code, Backup.objects.count()) == (302, 0)
    page = web.get(answer["Location"]).content.decode()
    assert "Nothing was added: the text holds no ID of a backup" in page
    assert "left out: a disk&#x27;s ID" in page


def test_a_character_that_no_id_has_is_named_in_its_verdict(web: Client) -> None:
    cyrillic = ONE[:-1] + "а"
    text = f"{cyrillic}\n{TWO[:3]}\x00{TWO[4:]}\n\u200b{TWO}\u00a0"
    page = post(web, text)
    assert (page.status_code, verdicts(page)) == (200, ["not an ID", "not an ID", "added"])
    assert "is CYRILLIC SMALL LETTER A (U+0430)" in page.content.decode()
    assert "is NUL (U+0000), a control character" in page.content.decode()
    assert [str(pk) for pk in Backup.objects.values_list("pk", flat=True)] == [TWO]


@pytest.mark.parametrize(
    ("data", "field"),
    [
        ({"cloud": "nowhere", "backup_ids": ONE}, "cloud-error"),
        ({"backup_ids": ONE}, "cloud-error"),
        ({"cloud": "otc", "backup_ids": " \n"}, "ids-error"),
        ({"cloud": "otc"}, "ids-error"),
    ],
)
def test_a_wrong_field_has_its_sentence_beside_it_and_keeps_the_input(
    web: Client, data: dict[str, str], field: str
) -> None:
    page = web.post("/backups/add/", data)
    text = page.content.decode()
    assert (page.status_code, re.findall(r'invalid-feedback" id="([^"]*)"', text)) == (200, [field])
    assert (data.get("backup_ids", "").strip() in text, Backup.objects.count()) == (True, 0)


def test_an_untracked_id_has_a_page_with_a_way_to_add_it(web: Client) -> None:
    page = web.get(f"/backups/{ONE}/")
    assert (page.status_code, page.content.decode().count(f"/backups/add/?backup_ids={ONE}")) == (
        404,
        1,
    )
    assert ONE in web.get(f"/backups/add/?backup_ids={ONE}").content.decode().split("<textarea")[1]


def test_refresh_makes_it_due_and_untrack_forgets_it(web: Client) -> None:
    track(body(1))
    path = f"/backups/{uuid.UUID(int=1)}/"
    before = timezone.now()
    refreshed = web.post(f"{path}refresh/")
    due = Backup.objects.get().next_refresh_at
    assert (refreshed.status_code, refreshed["Location"]) == (302, path)
    assert due is not None
    assert before <= due <= timezone.now()
    assert (web.post(f"{path}untrack/")["Location"], Backup.objects.count()) == ("/backups/", 0)
    assert [web.post(f"{path}{verb}/").status_code for verb in ("refresh", "untrack")] == [404, 404]
    assert [web.get(f"{path}{verb}/").status_code for verb in ("refresh", "untrack")] == [405, 405]


def test_only_a_link_to_the_configured_host_can_be_followed(web: Client) -> None:
    hrefs = [
        "https://vbs.eu-de.example/v2/p/b",
        "https://evil.example/b",
        "javascript:alert(1)",
        "http://[bad",
    ]
    track(body(links=[{"rel": "self", "href": href} for href in hrefs]))
    text = web.get(f"/backups/{uuid.UUID(int=1)}/").content.decode()
    assert re.findall(r'<a class="id"[^>]*href="([^"]*)"', text) == hrefs[:1]
    assert re.findall(r'<span class="id" id="link-\d"[^>]*>([^<]*)<', text) == hrefs[1:]


def test_a_failed_backup_gives_its_reason_and_the_next_step(web: Client) -> None:
    track(body(status="error", fail_reason="fsp said no"))
    text = web.get(f"/backups/{uuid.UUID(int=1)}/").content.decode()
    assert re.findall(r'<blockquote class="quote" tabindex="0">\s*<bdi>([^<]*)', text) == [
        "fsp said no"
    ]
    advice = re.findall(r"<dt>What to do</dt>\s*<dd>([^<]*)<", text)
    assert [unescape(one).strip() for one in advice] == [
        explain(status="error", reason="fsp said no").advice
    ]


def sign_in(client: Client, password: str) -> Any:
    return client.post("/accounts/login/", {"username": "operator", "password": password})


@pytest.mark.parametrize(
    ("referer", "page"),
    [
        ("http://testserver/clouds/?q=x", "/clouds/%3Fq%3Dx"),
        ("https://dash.example/vbs/clouds/", "/vbs/clouds/"),
        ("http://testserver//evil.example/", "/evil.example/"),
        ("https://evil.example/", "/"),
        ("javascript:alert(1)", "/"),
        ("", "/"),
    ],
)
@pytest.mark.parametrize("path", ["/clouds/otc/test/", "/account/look/", "/backups/bulk/"])
def test_a_form_of_a_session_that_ended_leads_by_the_sign_in_to_its_page(
    client: Client, settings: Any, path: str, referer: str, page: str
) -> None:
    """Its own address cannot be opened."""
    settings.PUBLIC_URL = public_url.read({"VBSDASH_URL": "https://dash.example/vbs"})
    answer = client.post(path, headers={"referer": referer})
    assert answer["Location"] == f"/accounts/login/?next={page}"


def test_signing_in_leads_home_and_out_leads_back(client: Client) -> None:
    make_operator("operator", password="right-horse")
    assert sign_in(client, "right-horse")["Location"] == "/"
    assert client.post("/accounts/logout/")["Location"] == "/accounts/login/"


def test_too_many_wrong_passwords_are_answered_with_a_sentence(client: Client) -> None:
    make_operator("operator", password="right-horse")
    answers = [sign_in(client, "wrong") for _ in range(10)]
    notes = [
        re.findall(r'role="alert">\s*([^<]*)<', one.content.decode())[0].split(".")[0]
        for one in answers
    ]
    assert [one.status_code for one in answers] == [200] * 9 + [429]
    assert notes[8:] == [
        "Name and password do not match, or the account is switched off",
        "Too many wrong passwords from here, for this name or for several",
    ]
    assert sign_in(client, "right-horse").status_code == 429


@pytest.mark.parametrize("path", ["/nothing/here/", "/backups/not-an-id/"])
def test_an_address_that_leads_nowhere_has_a_page(web: Client, path: str) -> None:
    page = web.get(path)
    assert (page.status_code, re.findall("<h1>([^<]*)<", page.content.decode())) == (
        404,
        ["There is no such page"],
    )


def test_no_page_holds_inline_style_or_script(web: Client) -> None:
    track(body(1), body(2, status="creating"))
    read: Callable[[str], str] = lambda path: web.get(path).content.decode()  # noqa: E731
    found = {
        path: re.findall(r"<style|<script(?! src)|\sstyle=|\son[a-z]+=", read(path))
        for path in ("/", "/backups/", "/backups/add/", f"/backups/{uuid.UUID(int=1)}/", "/clouds/")
    }
    assert {path: hits for path, hits in found.items() if hits} == {}
