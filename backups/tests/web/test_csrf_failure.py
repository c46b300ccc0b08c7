"""Why a form was refused, and what cures it: asked over real HTTP, as proxies and browsers ask."""

import json
import re
import uuid
from collections.abc import Iterator
from contextlib import closing
from html import unescape
from typing import Any

import pytest
from django.contrib.auth.models import User
from playwright.sync_api import Browser, BrowserContext, Page, expect

from backups.tests.screen import Watched, sideways
from backups.tests.web.test_screen_pages import DESK, PHONE, look_at_themes
from backups.tests.web_server import PASSWORD, Answer, WebServer, serving

pytestmark = [pytest.mark.once]
HOST = "dash.example.com"
HERE = f"http://{HOST}"
TLS = "X-Forwarded-Proto: https"
STALE = "x" * 64
RELOAD = "Load the page anew"
COOKIE = re.compile(r"vbsdash_csrf_[^=]*=\w+")


class Form:
    """The sign-in form as the server gives it, with its cookie and token."""

    def __init__(self, web: WebServer, *heads: str) -> None:
        self._web = web
        page = web.ask("/accounts/login/", f"Host: {HOST}", *heads)
        cookie = COOKIE.search(page.headers["Set-Cookie"])
        token = re.search(r'name="csrfmiddlewaretoken" value="(\w+)"', page.text)
        assert cookie is not None
        assert token is not None
        self.cookie = f"Cookie: {cookie[0]}"
        self.token = token[1]

    def post(self, *heads: str, token: str | None = None, name: str = "ada") -> Answer:
        """`Host` and the cookie are sent where `heads` names none."""
        names = {head.partition(":")[0] for head in heads}
        lines = list(heads)
        if "Host" not in names:
            lines.append(f"Host: {HOST}")
        if "Cookie" not in names:
            lines.append(self.cookie)
        lines.append("Content-Type: application/x-www-form-urlencoded")
        token = self.token if token is None else token
        fields = f"username={name}&password=hidden-word&next=%2Fbackups%2F"
        body = f"{fields}&csrfmiddlewaretoken={token}"
        return self._web.ask("/accounts/login/", *lines, method="POST", body=body)


def words(answer: Answer) -> str:
    return " ".join(unescape(re.sub(r"<[^>]*>", " ", answer.text)).split())


@pytest.fixture(scope="module")
def web(tmp_path_factory: pytest.TempPathFactory) -> Iterator[WebServer]:
    """Behind a proxy on this machine, whose headers count."""
    hosts = f"{HOST},inner,localhost,[::1],[fd00::ab],192.0.2.7"
    with serving(tmp_path_factory.mktemp("web"), ALLOWED_HOSTS=hosts) as server:
        yield server


@pytest.fixture(scope="module")
def untrusting(tmp_path_factory: pytest.TempPathFactory) -> Iterator[WebServer]:
    """Behind a proxy that is not believed."""
    with serving(
        tmp_path_factory.mktemp("untrusting"),
        ALLOWED_HOSTS=f"{HOST},inner",
        VBSDASH_TRUSTED_PROXIES="10.0.0.5",
    ) as server:
        yield server


@pytest.fixture(scope="module")
def public(tmp_path_factory: pytest.TempPathFactory) -> Iterator[WebServer]:
    with serving(
        tmp_path_factory.mktemp("public"),
        VBSDASH_URL=f"https://{HOST}/vbs",
        ALLOWED_HOSTS="192.0.2.7",
    ) as server:
        yield server


TAKEN = [
    [f"Origin: {HERE}"],
    [f"Origin: {HERE}", "Host: DASH.Example.com"],
    [f"Origin: {HERE}", f"Host: {HOST}:80"],
    [f"Origin: https://{HOST}", f"Host: {HOST}:443", TLS],
    [f"Origin: https://{HOST}", TLS],
    [f"Origin: {HERE}:8080", f"Host: {HOST}:8080"],
    ["Origin: http://[fd00::ab]:8000", "Host: [FD00::AB]:8000"],
    ["Origin: http://[::1]", "Host: [::1]:80"],
    ["Origin: http://192.0.2.7:8000", "Host: 192.0.2.7:8000"],
    ["Host: inner", f"X-Forwarded-Host: {HOST}", TLS, f"Origin: https://{HOST}"],
    [TLS, f"Referer: https://{HOST}/accounts/login/?next=/"],
    [TLS, f"Host: {HOST}:443", f"Referer: https://{HOST}/"],
    [],
]


@pytest.mark.parametrize("heads", TAKEN, ids=" ".join)
def test_a_form_of_our_own_page_is_taken_however_a_proxy_spells_its_host(
    web: WebServer, heads: list[str]
) -> None:
    # Each name may be tried ten times.
    answer = Form(web).post(*heads, name=uuid.uuid4().hex)
    assert answer.status == 200
    assert "Name and password do not match" in answer.text


# What is sent, and what has to stand in the answer.
REFUSED: list[tuple[list[str], list[str]]] = [
    # TLS ends at a proxy that does not say so.
    (
        [f"Origin: https://{HOST}"],
        [f"https://{HOST}", HERE, "X-Forwarded-Proto: https", "VBSDASH_TRUSTED_PROXIES"],
    ),
    ([f"Origin: https://{HOST}:443"], [HERE, "X-Forwarded-Proto: https", "VBSDASH_URL"]),
    # It says so of plain HTTP.
    ([f"Origin: {HERE}", TLS], [HERE, f"Open https://{HOST} instead", "X-Forwarded-Proto"]),
    # It takes the port off, or puts its own on.
    ([f"Origin: {HERE}:8443"], [f"{HERE}:8443", "$http_host", "VBSDASH_URL"]),
    ([f"Origin: https://{HOST}:8443", TLS], [f"https://{HOST}:8443", "$http_host"]),
    ([f"Origin: {HERE}", f"Host: {HOST}:8000"], [f"{HERE}:8000 is expected", "$http_host"]),
    (["Origin: http://[::1]:8000", "Host: [::1]"], ["http://[::1]:8000", "http://[::1] is exp"]),
    # It puts another name into the Host header, or somebody else's page sends the form.
    (
        [f"Origin: {HERE}", "Host: inner"],
        [HERE, "http://inner is expected", "CSRF_TRUSTED_ORIGINS", "X-Forwarded-Host"],
    ),
    (["Origin: https://evil.example"], ["https://evil.example", HERE, "somebody else"]),
    (["Origin: https://dash.example.com.evil.example"], ["com.evil.example", "somebody else"]),
    # The browser tells nothing, or nonsense.
    (["Origin: null"], ["Origin: null", f"Open {HERE} itself", "Referrer-Policy"]),
    (["Origin: "], ["no origin of a page", HERE]),
    (["Origin: <script>alert(1)</script>"], ["<script>alert(1)", "no origin of a page"]),
    (["Origin: file://"], ["file://", "no origin of a page"]),
    (["Origin: http://[:a"], ["http://[:a", "no origin of a page"]),
    ([f"Origin: {HERE}:port"], ["no origin of a page"]),
    ([f"Origin: {HERE}/"], [f'"{HERE}/", which is no origin of a page', f"; {HERE} is expected"]),
    ([f"Origin: {HERE}:80"], [f'"{HERE}:80", which is no origin of a page']),
    (["Origin: HTTP://Dash.Example.com"], ["no origin of a page", f"; {HERE} is expected"]),
    ([f"Origin: {'x' * 5000}"], ["x" * 100 + "…"]),
    # Without an Origin the Referer counts, on TLS.
    ([TLS], ["neither by Origin nor by Referer", f"https://{HOST}", "Referrer-Policy"]),
    ([TLS, f"Referer: {HERE}/x"], [HERE, f"Open https://{HOST} instead"]),
    ([TLS, "Referer: https://evil.example/x?y"], ["https://evil.example,", "somebody else"]),
    ([TLS, f"Referer: https://{HOST}:8443/"], [f"https://{HOST}:8443,", "$http_host"]),
    ([TLS, "Referer: dash"], ['"dash"', "no origin of a page"]),
    ([TLS, "Referer: http://[:a"], ["no origin of a page"]),
]


@pytest.mark.parametrize(("heads", "expected"), REFUSED, ids=lambda lines: " ".join(lines)[:60])
def test_a_refused_origin_is_named_with_the_expected_one_and_the_cure(
    web: WebServer, heads: list[str], expected: list[str]
) -> None:
    answer = Form(web).post(*heads)
    text = words(answer)
    assert (answer.status, answer.headers["Content-Type"]) == (403, "text/html; charset=utf-8")
    assert [part for part in expected if part not in unescape(answer.text)] == []
    assert RELOAD not in text
    assert "hidden-word" not in answer.text
    assert "<script>alert" not in answer.text


@pytest.mark.parametrize(
    ("heads", "told"),
    [
        ([TLS, f"Origin: https://{HOST}"], f"https://{HOST}"),
        (["Host: inner", f"X-Forwarded-Host: {HOST}", f"Origin: {HERE}"], HERE),
        (["Host: inner", f"X-Forwarded-Host: {HOST}", TLS, f"Origin: https://{HOST}"], HOST),
    ],
)
def test_a_proxy_that_is_not_believed_is_named_with_the_setting(
    untrusting: WebServer, heads: list[str], told: str
) -> None:
    text = words(Form(untrusting).post(*heads))
    assert "127.0.0.1 tells of" in text
    assert told in text
    assert "add it to VBSDASH_TRUSTED_PROXIES" in text


def test_of_several_proxies_the_first_that_is_not_believed_is_named(web: WebServer) -> None:
    route = "X-Forwarded-For: 198.51.100.1, 203.0.113.9"
    for told in ("https", "https, http"):
        heads = (f"Origin: https://{HOST}", route, f"X-Forwarded-Proto: {told}")
        answer = Form(web).post(*heads, name=uuid.uuid4().hex)
        # One value is of the trusted proxy.
        is_taken = told == "https"
        assert answer.status == (200 if is_taken else 403)
        assert ("203.0.113.9 tells of" in words(answer)) is not is_taken


def test_a_stranger_who_says_to_be_a_proxy_gets_no_other_cure(untrusting: WebServer) -> None:
    text = words(
        Form(untrusting).post("X-Forwarded-Host: other.example", "Origin: http://x.example")
    )
    assert "tells of" not in text


TOKENS: list[tuple[list[str], str, str]] = [
    ([], STALE, "signed in here"),
    ([], "short", "signed in here"),
    ([], "", "came without its token"),
    (["Cookie: tz=UTC"], STALE, "has sent no cookie"),
    (["Cookie: "], STALE, f"Allow cookies of {HERE}"),
]


@pytest.mark.parametrize(("heads", "token", "expected"), TOKENS)
def test_a_token_or_cookie_that_is_missing_or_old_is_cured_by_loading_the_page_anew(
    web: WebServer, heads: list[str], token: str, expected: str
) -> None:
    answer = Form(web).post(f"Origin: {HERE}", *heads, token=token)
    text = words(answer)
    assert answer.status == 403
    assert expected in text
    assert RELOAD.lower() in text.lower()
    assert "VBSDASH_URL" not in text
    # The name is kept, the password is not.
    assert ">\nada</textarea>" in answer.text
    assert "hidden-word" not in answer.text
    assert "Send it again" not in text


@pytest.mark.parametrize("origin", [f"http://{HOST}", "null", "app://dash"])
def test_the_address_to_open_has_the_public_path(public: WebServer, origin: str) -> None:
    text = words(Form(public).post(f"Host: {HOST}", f"Origin: {origin}"))
    assert f"Open https://{HOST}/vbs " in text


def test_cookies_for_the_public_address_are_explained_at_others(public: WebServer) -> None:
    other = "http://192.0.2.7"
    public_origin = f"https://{HOST}"
    for host, origin in (
        ("192.0.2.7", other),
        (HOST, public_origin),
        ("192.0.2.7", public_origin),
    ):
        heads = [f"Host: {host}", f"Origin: {origin}", "Cookie: tz=UTC", f"Referer: {origin}/x"]
        text = words(Form(public).post(*heads))
        cure = "https://dash.example.com/vbs, the address in VBSDASH_URL: open that one"
        assert (cure in text) is (origin == other)
        assert (f"Allow cookies of {origin} in the browser" in text) is (origin != other)
        assert (RELOAD in text) is (origin != other)


@pytest.mark.parametrize(
    ("heads", "words_of_link", "path"),
    [
        ([f"Origin: {HERE}"], RELOAD, f"{HERE}/accounts/login/?next=/"),
        ([f"Origin: https://{HOST}"], "Back to the form", f"{HERE}/accounts/login/"),
        ([f"Origin: {HERE}"], RELOAD, f"{HERE}/x"),
        ([f"Origin: {HERE}"], "Home", "https://evil.example/"),
        ([f"Origin: {HERE}"], "Home", "javascript:alert(1)"),
        ([f"Origin: {HERE}"], "Home", f"http://{HOST}.evil.example/"),
    ],
)
def test_the_page_leads_back_to_the_form_where_that_is_ours(
    web: WebServer, heads: list[str], words_of_link: str, path: str
) -> None:
    text = unescape(Form(web).post(*heads, f"Referer: {path}", token=STALE).text)
    href = "/" if words_of_link == "Home" else path.removeprefix(HERE)
    link = re.search(r'<a class="btn btn-primary"\s+href="([^"]*)">\s*([^<]*?)\s*</a>', text)
    assert link is not None
    assert (link[1], link[2]) == (href, words_of_link)


def test_each_refusal_is_one_line_of_the_log_without_a_traceback(web: WebServer) -> None:
    form = Form(web)
    lines_of_other_tests = len(web.log.splitlines())
    for _ in range(5):
        form.post("Origin: http://once.example")
    lines = web.log.splitlines()[lines_of_other_tests:]
    [refusal] = [line for line in lines if "once.example" in line]
    assert "CSRF_TRUSTED_ORIGINS" in refusal
    assert not any("Traceback" in line for line in lines)
    assert "hidden-word" not in web.log


class SignedIn:
    """Signed in over real HTTP, with the cookies of its session and of its token."""

    def __init__(self, web: WebServer) -> None:
        form = Form(web)
        self._web = web
        body = f"username=admin&password={PASSWORD}&csrfmiddlewaretoken={form.token}"
        answer = web.ask(
            "/accounts/login/",
            f"Host: {HOST}",
            form.cookie,
            "Content-Type: application/x-www-form-urlencoded",
            method="POST",
            body=body,
        )
        assert answer.status == 302
        self.cookies = re.findall(
            r"vbsdash_\w+?_[^=]*=\w+", " ".join(answer.headers.get_all("Set-Cookie", []))
        )
        assert len(self.cookies) == 2

    def post(self, path: str, *heads: str, body: str, kind: str) -> Answer:
        lines = [f"Host: {HOST}", f"Cookie: {'; '.join(self.cookies)}", *heads]
        lines.append(f"Content-Type: {kind}")
        return self._web.ask(path, *lines, method="POST", body=body)


FORM = "application/x-www-form-urlencoded"
JSON = "application/json"


@pytest.fixture(scope="module")
def browser(web: WebServer) -> SignedIn:
    return SignedIn(web)


def test_pasted_ids_of_a_stale_page_are_shown_and_can_be_sent_again(browser: SignedIn) -> None:
    body = "cloud=otc&backup_ids=one%0D%0Atwo%3Cb%3E&backup_ids=three&csrfmiddlewaretoken=" + STALE
    answer = browser.post("/backups/add/", f"Origin: {HERE}", body=body, kind=FORM)
    assert answer.status == 403
    assert ">\none\r\ntwo&lt;b&gt;\nthree</textarea>" in answer.text
    assert '<input type="hidden" name="backup_ids" value="three">' in answer.text
    assert "Send it again" in answer.text
    again = re.search(r'name="csrfmiddlewaretoken" value="(\w+)"', answer.text)
    assert again is not None
    body = body.replace(STALE, again[1])
    assert browser.post("/backups/add/", f"Origin: {HERE}", body=body, kind=FORM).status == 200


def test_a_field_of_keys_that_one_presses_is_no_secret(browser: SignedIn) -> None:
    body = f"single_keys=on&csrfmiddlewaretoken={STALE}"
    answer = browser.post("/account/keys/", f"Origin: {HERE}", body=body, kind=FORM)
    assert ">\non</textarea>" in answer.text
    assert "Send it again" in answer.text


@pytest.mark.parametrize("name", ["password", "password2", "old_password", "new_password1"])
def test_a_form_with_a_password_is_not_sent_again(browser: SignedIn, name: str) -> None:
    body = f"{name}=hidden-word&csrfmiddlewaretoken={STALE}"
    answer = browser.post("/account/keys/", f"Origin: {HERE}", body=body, kind=FORM)
    assert answer.status == 403
    assert "hidden-word" not in answer.text
    assert "Send it again" not in answer.text


@pytest.mark.parametrize(
    "heads",
    [
        [],
        # Another server on the same machine is somebody else.
        [f"Origin: {HERE}:8443"],
        [f"Origin: https://{HOST}"],
        [f"Origin: https://{HOST}:8443", TLS],
        [TLS, f"Referer: https://{HOST}:8443/"],
    ],
    ids=" ".join,
)
def test_a_form_of_unknown_origin_is_shown_and_cannot_be_sent_again_by_a_click(
    browser: SignedIn, heads: list[str]
) -> None:
    body = f"cloud=otc&backup_ids=one&csrfmiddlewaretoken={STALE}"
    answer = browser.post("/backups/add/", *heads, body=body, kind=FORM)
    assert answer.status == 403
    assert ">\none</textarea>" in answer.text
    assert "Send it again" not in answer.text


@pytest.mark.parametrize(
    ("name", "heads"),
    [("Origin", []), ("Referer", [TLS])],
)
def test_however_long_an_origin_is_the_sentence_stays_short(
    browser: SignedIn, name: str, heads: list[str]
) -> None:
    lines = [*heads, f"{name}: http://{'y' * 5000}", "HX-Request: true"]
    answer = browser.post("/backups/add/", *lines, body="", kind=FORM)
    assert answer.status == 403
    notice: Any = json.loads(answer.headers["HX-Trigger"])["notice"]["value"]
    assert "y" * 90 in notice
    assert len(notice) < 1_000


def test_what_a_page_of_somebody_else_sends_is_not_shown(browser: SignedIn) -> None:
    body = "cloud=otc&backup_ids=call+this+number"
    answer = browser.post("/backups/add/", "Origin: https://evil.example", body=body, kind=FORM)
    assert answer.status == 403
    assert "call this number" not in answer.text


def test_htmx_gets_the_sentence_as_a_notice(browser: SignedIn) -> None:
    body = f"cloud=otc&backup_ids=one&csrfmiddlewaretoken={STALE}"
    heads = [f"Origin: {HERE}", "HX-Request: true"]
    answer = browser.post("/backups/add/", *heads, body=body, kind=FORM)
    notice: Any = json.loads(answer.headers["HX-Trigger"])["notice"]["value"]
    assert RELOAD in notice


@pytest.mark.parametrize("path", ["/admin/login/", "/accounts/logout/", "/api/docs/"])
def test_forms_of_the_admin_and_pages_under_api_are_refused_in_the_same_words(
    browser: SignedIn, path: str
) -> None:
    answer = browser.post(path, "Origin: null", body="x=1", kind=FORM)
    assert answer.status == 403
    assert "(Origin: null)" in answer.text


def test_a_body_that_cannot_be_read_is_no_500(browser: SignedIn) -> None:
    many = "&".join(["a=1"] * 20_001)
    for kind, body in (
        (FORM, many),
        ("multipart/form-data", "x"),
        ("multipart/form-data; boundary=x", "--x\r\nno"),
    ):
        for origin in (HERE, "https://dash.example.com", "null"):
            answer = browser.post("/backups/add/", f"Origin: {origin}", body=body, kind=kind)
            assert answer.status in (400, 403)


@pytest.mark.parametrize(
    ("heads", "expected"),
    [
        (["Origin: https://evil.example"], "https://evil.example"),
        ([f"Origin: https://{HOST}"], "X-Forwarded-Proto: https"),
        ([f"Origin: {HERE}"], "came without its token"),
        ([f"Origin: {HERE}", f"X-CSRFToken: {STALE}"], "signed in here"),
        ([TLS], "neither by Origin nor by Referer"),
    ],
)
def test_a_call_by_session_gets_the_reason_as_a_problem(
    browser: SignedIn, heads: list[str], expected: str
) -> None:
    answer = browser.post("/api/backups/", *heads, body='{"cloud": "otc", "ids": []}', kind=JSON)
    problem = json.loads(answer.text)
    assert (answer.status, problem["status"]) == (403, 403)
    assert answer.headers["Content-Type"] == "application/problem+json"
    assert expected in problem["detail"]


def test_a_refused_call_is_one_line_of_the_log_too(web: WebServer, browser: SignedIn) -> None:
    for _ in range(3):
        browser.post("/api/backups/", "Origin: http://called.example", body="{}", kind=JSON)
    lines = [line for line in web.log.splitlines() if "called.example" in line]
    assert len(lines) == 1
    assert "Forbidden: /api/" not in web.log


def test_a_token_needs_no_origin(web: WebServer) -> None:
    heads = [f"Host: {HOST}", f"Authorization: Bearer {web.key}", "Origin: https://evil.example"]
    kind = "Content-Type: application/json"
    answer = web.ask(
        "/api/backups/", *heads, kind, method="POST", body='{"cloud": "no", "ids": []}'
    )
    assert answer.status == 400


def sign_in(page: Page) -> None:
    page.goto("/accounts/login/")
    page.fill("#u", "operator")
    page.fill("#p", PASSWORD)
    page.click("button[type=submit]")
    expect(page.locator("summary.chip")).to_be_visible()


@pytest.mark.browser
@pytest.mark.django_db(transaction=True)
def test_what_was_pasted_before_a_sign_in_in_another_tab_is_sent_again_by_one_click(
    watched: Watched, context: BrowserContext, settings: Any
) -> None:
    operator = User.objects.get(username="operator")
    operator.set_password(PASSWORD)
    operator.save()
    page = watched.page
    sign_in(page)
    page.goto("/backups/add/")
    with page.expect_response("**/backups/add/"):
        # The page asks for verdicts; where the session has ended meanwhile it is loaded anew.
        page.fill("#backup_ids", "no ID at all")
    context.clear_cookies(name=settings.SESSION_COOKIE_NAME)
    sign_in(context.new_page())
    page.click("text=Track these backups")
    expect(page.locator("h1")).to_have_text("This form was refused")
    expect(page.get_by_label("backup_ids")).to_have_value("no ID at all")
    wrong: dict[str, Any] = {}
    for width in (PHONE, DESK):
        page.set_viewport_size({"width": width, "height": 900})
        wrong |= look_at_themes(page, str(width), absurd=False)
        if sideways(page):
            wrong[f"{width} sideways"] = sideways(page)
    assert wrong == {}
    page.click("text=Send it again")
    expect(page.locator("#backup_ids")).to_have_value("no ID at all")
    expect(page.locator("h1")).not_to_have_text("This form was refused")


@pytest.mark.browser
@pytest.mark.django_db(transaction=True)
def test_a_wrong_host_is_a_page_that_holds_in_all_widths_and_both_themes(
    chromium: Browser, live_server: Any, settings: Any
) -> None:
    settings.ALLOWED_HOSTS = ["dash.example.com"]
    with closing(chromium.new_page(base_url=live_server.url)) as page:
        answer = page.goto("/backups/")
        assert answer is not None
        assert answer.status == 400
        wrong: dict[str, Any] = {}
        for width in (PHONE, DESK):
            page.set_viewport_size({"width": width, "height": 900})
            wrong |= look_at_themes(page, str(width), absurd=False)
            if sideways(page):
                wrong[f"{width} sideways"] = sideways(page)
        assert wrong == {}
        expect(page.locator("main")).to_contain_text("add localhost to ALLOWED_HOSTS")
