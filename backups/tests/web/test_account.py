"""The account page: how its owner reads, tokens, saved views."""

import re
from typing import Any

import pytest
from django.test import Client

from backups.models import ApiToken, Preferences, SavedView, UserSession
from backups.tests.accounts import make_operator

pytestmark = [pytest.mark.either, pytest.mark.django_db]


@pytest.fixture
def web(client: Client) -> Client:
    client.force_login(make_operator("operator"))
    return client


def html_tag(page: Any) -> str:
    return str(re.findall(r"<html[^>]*>", page.content.decode())[0])


def test_a_theme_is_rendered_by_the_server_so_that_nothing_flashes(web: Client) -> None:
    assert html_tag(web.get("/account/")) == '<html lang="en">'
    assert web.post("/account/look/", {"theme": "dark", "time_zone": ""})["Location"] == "/account/"
    assert html_tag(web.get("/account/")) == '<html lang="en" data-bs-theme="dark">'


@pytest.mark.parametrize(
    ("kept", "cookie", "expected"),
    [
        ("Asia/Tokyo", "Europe/Berlin", "Now used: Asia/Tokyo. That is UTC+9 now."),
        (
            "",
            "Europe/Berlin",
            "Now used: Europe/Berlin, from your browser. That is UTC+1 now.",
        ),
        ("etc/gmt+5", "", "Now used: Etc/GMT+5. That is UTC\N{MINUS SIGN}5 now."),
        (
            "",
            "Etc/GMT-5",
            "Now used: Etc/GMT-5, from your browser. That is UTC+5 now.",
        ),
        (
            "",
            "Asia/Calcutta",
            "Now used: Asia/Calcutta, from your browser. That is UTC+5:30 now.",
        ),
        ("", "Zulu", "Now used: Zulu, from your browser. That is UTC now."),
        ("", "UTC", "Now used: UTC, from your browser. UTC always"),
        *(
            (
                "",
                name,
                f"This host does not know the time zone “{name}”. Now used: UTC. UTC always",
            )
            for name in ("Europe", "Europe/Atlantis", "Etc/Unknown", "localtime", "+05:30", "GMT+5")
        ),
        ("", "../../etc/passwd", "Now used: UTC, as your browser names none. UTC always"),
        ("", "<b>", "Now used: UTC, as your browser names none. UTC always"),
        ("", "", "Now used: UTC, as your browser names none. UTC always"),
    ],
)
def test_the_zone_is_the_accounts_else_the_browsers_else_utc(
    web: Client, kept: str, cookie: str, expected: str
) -> None:
    web.post("/account/look/", {"theme": "system", "time_zone": kept})
    web.cookies["tz"] = cookie
    assert expected in " ".join(web.get("/account/").content.decode().split())


@pytest.mark.parametrize(
    ("typed", "kept"),
    [
        ("europe/berlin", "Europe/Berlin"),
        (" America/New York ", "America/New_York"),
        ("us/pacific", "US/Pacific"),
        ("gmt0", "GMT0"),
    ],
)
def test_a_zone_is_kept_in_its_own_spelling(web: Client, typed: str, kept: str) -> None:
    web.post("/account/look/", {"theme": "system", "time_zone": typed})
    assert Preferences.objects.get().time_zone == kept


def test_a_kept_zone_that_this_host_lacks_is_named_and_the_browsers_is_used(web: Client) -> None:
    web.post("/account/look/", {"theme": "system", "time_zone": "Asia/Tokyo"})
    Preferences.objects.update(time_zone="Europe/Atlantis")
    web.cookies["tz"] = "Etc/GMT+5"
    words = " ".join(web.get("/account/").content.decode().split())
    assert (
        "This host does not know the time zone “Europe/Atlantis”. Now used: Etc/GMT+5, from your "
        "browser. That is UTC\N{MINUS SIGN}5 now."
    ) in words


def test_each_zone_on_offer_says_how_far_from_utc_it_is(web: Client) -> None:
    page = web.get("/account/").content.decode()
    offered = dict(re.findall(r'<option value="([^"]*)" label="[^"]*, ([^"]*)">', page))
    expected = {
        "Etc/GMT+5": "UTC\N{MINUS SIGN}5",
        "Etc/GMT-14": "UTC+14",
        "Europe/Berlin": "UTC+1",
        "Asia/Kolkata": "UTC+5:30",
        "UTC": "UTC",
    }
    assert {name: offered[name] for name in expected} == expected
    assert not offered.keys() & {"localtime", "Factory", "posixrules"}


def test_a_zone_that_is_none_keeps_the_input_and_says_so(web: Client) -> None:
    page = web.post("/account/look/", {"theme": "light", "time_zone": "Mars/Olympus"})
    said = re.findall(r'id="zone-error">([^<]*)<', page.content.decode())
    assert (page.status_code, said, Preferences.objects.count()) == (
        400,
        ["“Mars/Olympus” is no time zone. Write one like Europe/Berlin, or nothing."],
        0,
    )
    assert 'value="Mars/Olympus"' in page.content.decode()


def test_single_keys_can_be_switched_off_and_on(web: Client) -> None:
    web.post("/account/keys/", {})
    assert 'data-keys="off"' in web.get("/account/").content.decode()
    web.post("/account/keys/", {"single_keys": "on"})
    assert 'data-keys="off"' not in web.get("/account/").content.decode()


def test_a_new_token_is_shown_once_and_opens_the_api(web: Client, client: Client) -> None:
    form = {"name": "cron", "read_only": "on", "days": "30"}
    answer = web.post("/account/tokens/", form)
    assert (answer.status_code, answer["Location"]) == (302, "/account/")
    page = web.get("/account/")
    [key] = re.findall(r'id="made-key">([^<]+)<', page.content.decode())
    assert (
        page["Cache-Control"].count("no-store"),
        key in web.get("/account/").content.decode(),
        [key in str(session.get_decoded()) for session in UserSession.objects.all()],
    ) == (1, False, [False])
    assert (
        Client().get("/api/backups/", headers={"Authorization": f"Token {key}"}).status_code == 200
    )
    token = ApiToken.objects.get()
    assert (token.name, token.read_only) == ("cron", True)
    web.post(f"/account/tokens/{token.pk}/revoke/")
    assert (
        Client().get("/api/backups/", headers={"Authorization": f"Token {key}"}).status_code == 401
    )


def test_a_token_is_known_again_by_the_beginning_of_its_key_where_that_was_kept(
    web: Client,
) -> None:
    form = {"name": "cron", "no_end": "on"}
    page = web.post("/account/tokens/", form, follow=True).content.decode()
    [key] = re.findall(r'id="made-key">([^<]+)<', page)
    assert f"<code>{key[:10]}…</code>" in web.get("/account/").content.decode()
    ApiToken.objects.update(beginning="")  # as one that was made before
    page = web.get("/account/").content.decode()
    assert key[:10] not in page
    assert '<span class="none">–</span>' in page
    headers = {"Authorization": f"Token {key}"}
    assert Client().get("/api/backups/", headers=headers).status_code == 200


def test_a_token_form_that_says_nothing_asks_for_a_name_and_an_end(web: Client) -> None:
    page = web.post("/account/tokens/", {}).content.decode()
    asked = re.findall(r'id="token-(?:name|days)-error">([^<]*)<', page)
    assert asked == [
        "Write what it is for: the name tells it from others later.",
        "Write after how many days it ends, or choose no end.",
    ]
    assert ApiToken.objects.count() == 0


def test_a_key_is_shown_only_to_whom_it_belongs_and_from_no_forged_cookie(web: Client) -> None:
    web.post("/account/tokens/", {"name": "mine", "days": "1"})
    [name] = [name for name in web.cookies if "new_token" in name]
    cookie = web.cookies[name].value
    other = Client()
    other.force_login(make_operator("other"))
    for value in (cookie, cookie[:-1], "7:vbs_forged", ""):
        other.cookies[name] = value
        assert "made-key" not in other.get("/account/").content.decode()
    assert "made-key" in web.get("/account/").content.decode()
    assert web.cookies[name].value == ""


@pytest.mark.parametrize("days", ["0", "-3", "soon", "99999999"])
def test_a_token_with_days_that_are_none_is_refused_beside_the_field(
    web: Client, days: str
) -> None:
    page = web.post("/account/tokens/", {"name": "cron", "days": days})
    assert (page.status_code, ApiToken.objects.count()) == (400, 0)
    assert len(re.findall(r'id="token-days-error"', page.content.decode())) == 1


def test_nobody_revokes_the_token_of_another(web: Client) -> None:
    other = Client()
    other.force_login(make_operator("other"))
    other.post("/account/tokens/", {"name": "theirs", "no_end": "on"})
    answer = web.post(f"/account/tokens/{ApiToken.objects.get().pk}/revoke/")
    assert (answer.status_code, ApiToken.objects.get().revoked_at) == (404, None)


def test_a_view_keeps_filters_columns_and_order_and_nothing_of_the_moment(web: Client) -> None:
    query = "status=error&kind=&columns=size&ordering=name&cursor=abc&live=off&all=1"
    web.post("/account/views/", {"name": " Failed  ones ", "query": query})
    view = SavedView.objects.get()
    assert (view.name, view.query) == ("Failed ones", "status=error&columns=size&ordering=name")
    page = web.get(f"/backups/?{view.query}").content.decode()
    assert re.findall(r'aria-current="page">\s*<bdi>([^<]*)<', page) == ["Failed ones"]


def test_the_default_view_is_what_the_bare_list_leads_to(web: Client) -> None:
    web.post("/account/views/", {"name": "Failed", "query": "status=error", "default": "on"})
    web.post("/account/views/", {"name": "Small", "query": "ordering=size", "default": "on"})
    assert web.get("/backups/")["Location"] == "/backups/?ordering=size"
    assert web.get("/backups/?view=all").status_code == 200
    assert list(SavedView.objects.filter(is_default=True).values_list("name", flat=True)) == [
        "Small"
    ]
    web.post("/account/views/no-default/")
    assert web.get("/backups/").status_code == 200


def test_a_view_whose_column_is_gone_is_shown_with_a_sentence(web: Client) -> None:
    web.post("/account/views/", {"name": "Old", "query": "columns=size&columns=colour"})
    page = web.get(f"/backups/?{SavedView.objects.get().query}")
    assert (
        page.status_code,
        re.findall(r"There is no column <code>([^<]*)<", page.content.decode()),
    ) == (
        200,
        ["colour"],
    )
    assert re.findall(
        r'id="col-(\w+)"\s+name="columns"\s+value="\w+"\s+checked', page.content.decode()
    ) == ["size"]


def test_nobody_touches_the_views_of_another(web: Client) -> None:
    theirs = SavedView.objects.create(user=make_operator("other"), name="x", query="")
    answers = [
        web.post(f"/account/views/{theirs.pk}/{verb}/").status_code
        for verb in ("default", "remove")
    ]
    assert (answers, SavedView.objects.filter(is_default=False).count()) == ([404, 404], 1)


@pytest.mark.parametrize("name", ["", " ", "x" * 61])
def test_a_view_without_a_fitting_name_is_not_saved(web: Client, name: str) -> None:
    assert (
        web.post("/account/views/", {"name": name, "query": "status=error"})["Location"]
        == "/backups/?status=error"
    )
    assert SavedView.objects.count() == 0
