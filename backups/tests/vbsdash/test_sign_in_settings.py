"""Settings of single sign-on: taken as they are meant, or refused by one sentence with name and
cure.
"""

import sys
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest

from backups.models import Role
from backups.tests.vbsdash.test_settings import Start, server, start, values
from backups.vbs.errors import ConfigurationError
from vbsdash import group_roles, oidc, proxy_header, sign_in_form
from vbsdash.group_roles import NO_GROUPS, ROLES, GroupRole, GroupRoles
from vbsdash.oidc import NO_PROVIDER
from vbsdash.proxy_header import NO_HEADER, ProxyHeader

__all__ = ["server", "start"]
SECRET = "0123456789abcdef0123456789abcdef"
OIDC = {
    "VBSDASH_OIDC_ISSUER": "https://sso.example.com/realms/company",
    "VBSDASH_OIDC_CLIENT_ID": "vbsdash",
    "VBSDASH_OIDC_CLIENT_SECRET": "s3cret-word",
}
PROXY = {
    "VBSDASH_PROXY_USER_HEADER": "X-Remote-User",
    "VBSDASH_PROXY_GROUPS_HEADER": "X-Remote-Groups",
    "VBSDASH_PROXY_SECRET_HEADER": "X-Proxy-Secret",
    "VBSDASH_PROXY_SECRET": SECRET,
}


def refused(read: Callable[[], object]) -> str:
    with pytest.raises(ConfigurationError) as refusal:
        read()
    sentence = str(refusal.value)
    assert sentence.endswith(".")
    assert "s3cret-word" not in sentence
    assert SECRET not in sentence
    return sentence


def test_a_start_takes_all_of_them_and_keeps_secrets_out_of_sight(
    start: Start, tmp_path: Path
) -> None:
    (tmp_path / "groups.yaml").write_text("/vbs/admins: admin\n")
    (tmp_path / "secret").write_text("s3cret-word\n")
    env = {**OIDC, **PROXY, "VBSDASH_GROUPS_FILE": str(tmp_path / "groups.yaml")}
    del env["VBSDASH_OIDC_CLIENT_SECRET"]
    env["VBSDASH_OIDC_CLIENT_SECRET_FILE"] = str(tmp_path / "secret")
    code = (
        "from django.conf import settings as s; from django.urls import reverse;"
        "import django; django.setup();"
        "print(s.OIDC, s.PROXY_HEADER, s.OIDC.client_secret == 's3cret-word', s.LOCAL_FORM,"
        "reverse('oidc_callback'), len(s.AUTHENTICATION_BACKENDS))"
    )
    exit_code, said = start(code, **env)
    assert exit_code == 0, said
    assert said.strip().endswith("True True /accounts/oidc/callback/ 5")
    assert (said.count("s3cret-word"), SECRET in said) == (0, False)


def test_nothing_set_is_nothing_configured(start: Start) -> None:
    names = ("OIDC.is_configured", "PROXY_HEADER.is_configured", "LOCAL_FORM")
    assert values(start, *names) == [False, False, True]


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        (
            {"VBSDASH_OIDC_ISSUER": ""},
            "VBSDASH_OIDC_CLIENT_ID has no effect without VBSDASH_OIDC_I",
        ),
        ({"VBSDASH_OIDC_CLIENT_ID": ""}, "VBSDASH_OIDC_CLIENT_ID is missing beside"),
        ({"VBSDASH_OIDC_CLIENT_SECRET": ""}, "VBSDASH_OIDC_CLIENT_SECRET is missing beside"),
        ({"VBSDASH_OIDC_ISSUER": "sso.example.com"}, "VBSDASH_OIDC_ISSUER "),
        ({"VBSDASH_OIDC_ISSUER": "http://sso.example.com"}, "begins with http://"),
        ({"VBSDASH_OIDC_ISSUER": "https://u:s3cret-word@sso.example.com"}, "holds a user"),
        ({"VBSDASH_OIDC_ISSUER": "https://sso.example.com/?x=1"}, "VBSDASH_OIDC_ISSUER "),
        ({"VBSDASH_OIDC_SCOPES": "profile"}, "VBSDASH_OIDC_SCOPES is 'profile', without openid"),
        ({"VBSDASH_OIDC_BUTTON": "x" * 61}, "VBSDASH_OIDC_BUTTON is"),
        ({"VBSDASH_OIDC_BUTTON": "a\u202eb"}, "VBSDASH_OIDC_BUTTON is"),
        ({"REQUESTS_CA_BUNDLE": "/nowhere.pem"}, "REQUESTS_CA_BUNDLE names /nowhere.pem"),
    ],
)
def test_a_wrong_provider_is_refused(changed: dict[str, str], words: str) -> None:
    sentence = refused(lambda: oidc.read({**OIDC, **changed}, folder=Path("/")))
    assert words in sentence


@pytest.mark.parametrize(
    "issuer",
    [
        "https://sso.example.com/realms/company",
        "https://sso.example.com/realms/company/",
        "https://sso.example.com/realms/company/.well-known/openid-configuration",
    ],
)
def test_an_issuer_may_be_written_as_its_document(issuer: str) -> None:
    read = oidc.read({**OIDC, "VBSDASH_OIDC_ISSUER": issuer}, folder=Path("/"))
    assert read.issuer == "https://sso.example.com/realms/company"
    assert (read.scopes, read.name_claim, read.groups_claim, read.verify) == (
        "openid profile email",
        "preferred_username",
        "groups",
        True,
    )


def test_a_provider_on_this_machine_needs_no_tls() -> None:
    for issuer in ("http://localhost:9400", "http://127.0.0.1:9400", "http://[::1]:9400"):
        assert oidc.read({**OIDC, "VBSDASH_OIDC_ISSUER": issuer}, folder=Path("/")).issuer == issuer


def test_without_its_package_the_sentence_says_how_to_install_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(sys.modules, "mozilla_django_oidc", None)
    sentence = refused(lambda: oidc.read(OIDC, folder=Path("/")))
    assert sentence.startswith("VBSDASH_OIDC_ISSUER needs mozilla-django-oidc")
    assert "requirements-oidc.txt" in sentence


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        *(({name: ""}, f"{name} is missing beside VBSDASH_PROXY_") for name in PROXY),
        ({"VBSDASH_PROXY_SECRET": "s3cret-word"}, "VBSDASH_PROXY_SECRET is no text of 32"),
        ({"VBSDASH_PROXY_SECRET": "ü" * 40}, "VBSDASH_PROXY_SECRET is no text of 32"),
        ({"VBSDASH_PROXY_SECRET": f"{'a' * 32},b"}, "VBSDASH_PROXY_SECRET holds a comma"),
        ({"VBSDASH_PROXY_USER_HEADER": "X_Remote_User"}, "drop headers with an underscore"),
        (
            {"VBSDASH_PROXY_USER_HEADER": "REMOTE_USER"},
            "VBSDASH_PROXY_USER_HEADER is 'REMOTE_USER'",
        ),
        ({"VBSDASH_PROXY_USER_HEADER": "User"}, "write words with hyphens between them"),
        ({"VBSDASH_PROXY_USER_HEADER": "X-User\r\nX: y"}, "write words with hyphens"),
        ({"VBSDASH_PROXY_GROUPS_HEADER": "X-Forwarded-For"}, "fill in by themselves"),
        ({"VBSDASH_PROXY_SECRET_HEADER": "user-agent"}, "fill in by themselves"),
        ({"VBSDASH_PROXY_GROUPS_HEADER": "x-remote-user"}, "are not three names"),
    ],
)
def test_a_wrong_header_is_refused(changed: dict[str, str], words: str) -> None:
    assert words in refused(lambda: proxy_header.read({**PROXY, **changed}))


GROUPS = """
/vbs/admins: admin
'7': viewer
/vbs/night: {role: operator, clouds: [otc, otc-nl]}
"""


def groups(text: str, folder: Path, **env: str) -> GroupRoles:
    (folder / "groups.yaml").write_text(text)
    env = {"VBSDASH_GROUPS_FILE": "groups.yaml", **env}
    return group_roles.read(env, folder=folder, clouds={"otc", "otc-nl"})


def test_groups_are_read(tmp_path: Path) -> None:
    assert groups(GROUPS, tmp_path) == GroupRoles(
        {
            "/vbs/admins": GroupRole("admin", None),
            "7": GroupRole("viewer", None),
            "/vbs/night": GroupRole("operator", frozenset({"otc", "otc-nl"})),
        },
        None,
    )
    others = groups(GROUPS, tmp_path, VBSDASH_NO_GROUP="viewer").others
    assert others == GroupRole("viewer", None)
    assert group_roles.read({}, folder=tmp_path, clouds=()) == NO_GROUPS


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "names no group: write lines as"),
        ("- a", "names no group"),
        ("a: [", "groups.yaml is not valid YAML"),
        ("a: admin\na: viewer", "has the key a twice"),
        (
            "7: admin",
            "whose name is no text to YAML, which reads it as '7': put the name in quotes",
        ),
        ("a: root", "group 'a', has the role 'root': write one of viewer, operator, admin"),
        ("a:", "group 'a', has the role 'None'"),
        ("a: {clouds: [otc]}", "group 'a', has the role 'None'"),
        ("a: {role: admin, cloud: otc}", "group 'a', has the key 'cloud'"),
        ("a: {role: viewer, clouds: otc}", "has no list of clouds"),
        ("a: {role: viewer, clouds: []}", "has no list of clouds"),
        ("a: {role: viewer, clouds: [no]}", "names the cloud 'False', which is not configured"),
        (
            "a: {role: viewer, clouds: [ot]}",
            "the cloud 'ot', which is not configured: write one of ",
        ),
    ],
)
def test_a_wrong_entry_of_a_group_is_refused_by_name(tmp_path: Path, text: str, words: str) -> None:
    assert words in refused(lambda: groups(text, tmp_path))


def test_a_file_of_groups_that_is_not_there_is_refused(tmp_path: Path) -> None:
    env = {"VBSDASH_GROUPS_FILE": "nowhere.yaml"}
    sentence = refused(lambda: group_roles.read(env, folder=tmp_path, clouds=()))
    assert sentence.startswith("VBSDASH_GROUPS_FILE names")
    env = {"VBSDASH_NO_GROUP": "admin"}
    assert "write refuse, or viewer" in refused(
        lambda: group_roles.read(env, folder=tmp_path, clouds=())
    )


def test_days_of_tokens_are_read() -> None:
    days = sign_in_form.tokens_outlive_sign_in
    name = "VBSDASH_EXTERNAL_TOKEN_DAYS"
    assert [days({}), days({name: "0"}), days({name: "30"})] == [None, None, timedelta(days=30)]
    for value in ("-1", "a month", "1.5"):
        assert f"{name} is '{value}': write a number" in refused(lambda: days({name: value}))  # noqa: B023


def test_roles_of_groups_are_those_of_accounts() -> None:
    assert set(ROLES) == set(Role.values)


@pytest.mark.parametrize(
    ("env", "has_header", "words"),
    [
        ({"VBSDASH_GROUPS_FILE": "x"}, False, "VBSDASH_GROUPS_FILE has no effect without single"),
        ({"VBSDASH_NO_GROUP": "viewer"}, False, "VBSDASH_NO_GROUP has no effect without single"),
        ({"VBSDASH_EXTERNAL_TOKEN_DAYS": "9"}, False, "VBSDASH_EXTERNAL_TOKEN_DAYS has no effect"),
        ({"VBSDASH_LOCAL_FORM": "0"}, False, "would hide the only way to sign in"),
        ({"VBSDASH_LOCAL_FORM": "no way"}, False, "VBSDASH_LOCAL_FORM is 'no way': write 1 or 0"),
        ({}, True, "VBSDASH_GROUPS_FILE is missing"),
    ],
)
def test_what_has_no_effect_or_lets_nobody_in_is_refused(
    env: dict[str, str], has_header: bool, words: str
) -> None:
    header = ProxyHeader("X-User", "X-Groups", "X-Secret", SECRET) if has_header else NO_HEADER
    assert words in refused(
        lambda: sign_in_form.read(env, oidc=NO_PROVIDER, proxy=header, groups=NO_GROUPS)
    )
