"""Signing in: known answers of the signature, Keystone over loopback, and the configured clouds."""

import json
import threading
import tracemalloc
import zlib
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
import requests

from backups.vbs.aksk import SDKHMACAuth
from backups.vbs.client import Client
from backups.vbs.cloud_config import BlockStorage, CloudConfig
from backups.vbs.clouds import load_clouds
from backups.vbs.endpoints import VOLUME_TYPES
from backups.vbs.errors import (
    ConfigurationError,
    Malformed,
    SignInRefused,
    Unavailable,
    WrongAddress,
)
from backups.vbs.keystone import KeystoneSignIn
from backups.vbs.plugin import load_plugin

NOW = datetime(2026, 11, 23, 19, 45, tzinfo=UTC)
PROJECT = "b23b579f08c84228b9b4673c46f0c442"
BASE = f"https://vbs.eu-de.otc.t-systems.com/v2/{PROJECT}"
ONE = f"{BASE}/backups/1d1139d8-8989-49d3-8aa1-83eb691e6db2"
CATALOG = [
    {
        "type": "vbs",
        "endpoints": [{"interface": "public", "region": "eu-de", "url": "https://vbs.example/v2/"}],
    },
    {
        "type": "vbsv2",
        "endpoints": [
            {"interface": "internal", "region": "eu-de", "url": "https://inside.example/v2"},
            {"interface": "public", "region": "eu-nl", "url": "https://nl.example/v2"},
        ],
    },
]


class Keystone:
    """Issues tok-1, tok-2, …; `refuse` answers with that status instead."""

    def __init__(self) -> None:
        self.sign_ins = 0
        self.refuse: int | None = None
        self.catalog: Any = CATALOG
        self.paths: list[str] = []
        self.times = {
            "expires_at": "2026-11-24T19:45:00.000000Z",
            "issued_at": "2026-11-23T19:45:00.000000Z",
        }

    def answer(self, handler: BaseHTTPRequestHandler) -> None:
        handler.rfile.read(int(handler.headers["Content-Length"] or 0))
        self.paths.append(f"{handler.command} {handler.path}")
        self.sign_ins += 1
        status = self.refuse or 201
        token = {
            "project": {"id": PROJECT},
            "catalog": self.catalog,
            "methods": ["password"],
            "user": {"id": "u"},
        }
        token |= self.times
        error = {
            "error": {
                "code": status,
                "title": "Unauthorized",
                "message": "bad password hunter2-hunter2",
            }
        }
        body = json.dumps(error if self.refuse else {"token": token}).encode()
        handler.send_response(status)
        handler.send_header("X-Subject-Token", f"tok-{self.sign_ins}")
        handler.send_header("Location", "http://192.0.2.1/")
        handler.send_header("Content-Type", "application/json")
        handler.send_header("Content-Length", str(len(body)))
        handler.end_headers()
        handler.wfile.write(body)


@contextmanager
def serve(answer: Callable[[BaseHTTPRequestHandler], None]) -> Iterator[str]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            answer(self)

        do_POST = do_GET

        def log_message(self, *args: Any) -> None:
            """Tests are silent."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, args=(0.02,))
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


@pytest.fixture
def keystone() -> Iterator[tuple[Keystone, str]]:
    one = Keystone()
    with serve(one.answer) as url:
        yield one, url


def sign_in(
    url: str,
    clock: Callable[[], datetime] = lambda: NOW,
    region: str | None = "eu-de",
    monotonic: Callable[[], float] = lambda: 0.0,
) -> KeystoneSignIn:
    auth = {"auth_url": url, "username": "u", "password": "hunter2-hunter2", "project_name": "p"}
    auth |= {"user_domain_name": "d", "project_domain_name": "d"}
    return KeystoneSignIn(
        CloudConfig("otc", region, "password", auth), clock=clock, monotonic=monotonic
    )


@pytest.mark.parametrize(
    ("url", "signature"),
    [
        (ONE, "5f1b87d203e87d36fd2f88536bf673d6528ec0b6061d320755a8d85a931162be"),
        (
            f"{BASE}/backups/detail?status=available&limit=10&name=a+b~",
            "ab642f41cf01c579fd0e8023fd0389ad21bcc5d7b9284358b9544bffe88e07d8",
        ),
    ],
)
def test_the_signature_is_the_known_answer(url: str, signature: str) -> None:
    auth = SDKHMACAuth(
        "EXAMPLEAK0000000001", "exampleSecretKey0000000000000000000001", PROJECT, clock=lambda: NOW
    )
    header = requests.Request("GET", url, auth=auth).prepare().headers["Authorization"]
    names = "host;x-project-id;x-sdk-date"
    expected = (
        f"SDK-HMAC-SHA256 Access=EXAMPLEAK0000000001, SignedHeaders={names}, Signature={signature}"
    )
    assert header == expected


def test_a_repr_does_not_show_secrets() -> None:
    auth = SDKHMACAuth("AK", "the-secret-key", PROJECT, "the-session-token", clock=lambda: NOW)
    assert [word in repr(auth) for word in ("the-secret-key", "the-session-token")] == [
        False,
        False,
    ]


def test_one_post_to_auth_url_is_all_that_a_sign_in_costs(keystone: tuple[Keystone, str]) -> None:
    one, url = keystone
    who = sign_in(url)
    assert [who.token(), who.token(), who.project_id] == ["tok-1", "tok-1", PROJECT]
    assert (one.paths, who.issued_at) == (["POST /v3/auth/tokens"], NOW)
    who.close()


@pytest.mark.parametrize("ahead", [timedelta(0), timedelta(hours=30), timedelta(hours=-30)])
def test_the_token_is_renewed_shortly_before_it_ends_whatever_our_clock_says(
    keystone: tuple[Keystone, str], ahead: timedelta
) -> None:
    """Keystone gives it a day, by its own two times."""
    gone_by = [0.0]
    who = sign_in(keystone[1], clock=lambda: NOW + ahead, monotonic=lambda: gone_by[0])
    assert [who.token(), who.is_good] == ["tok-1", True]
    assert who.expires_at == NOW + ahead + timedelta(days=1)
    gone_by[0] = 86_400 - 121
    assert [who.token(), who.is_good] == ["tok-1", False]
    gone_by[0] = 86_400 - 119
    assert who.token() == "tok-2"
    assert keystone[0].sign_ins == 2


@pytest.mark.parametrize(
    ("times", "life"),
    [
        ({"issued_at": "2026-11-23T19:45:00Z", "expires_at": "2026-11-23T19:46:00Z"}, 60),
        ({"issued_at": "2026-11-23T19:45:00Z", "expires_at": "2026-11-23T19:45:00Z"}, 300),
        ({"issued_at": "2026-11-23T19:45:00Z", "expires_at": "2020-01-01T00:00:00Z"}, 300),
        ({"issued_at": "soon", "expires_at": "2026-11-24T19:45:00Z"}, None),
        ({"issued_at": "2026-11-23T19:45:00Z", "expires_at": "9999-12-31T23:59:59Z"}, None),
    ],
)
def test_a_short_or_odd_life_is_no_reason_to_sign_in_before_every_call(
    keystone: tuple[Keystone, str], times: dict[str, str], life: int | None
) -> None:
    keystone[0].times = times
    gone_by = [0.0]
    who = sign_in(keystone[1], monotonic=lambda: gone_by[0])
    assert [who.token(), who.token()] == ["tok-1", "tok-1"]
    assert who.expires_at is not None
    if life is not None:
        gone_by[0] = life * 0.7
        assert who.token() == "tok-1"
        gone_by[0] = life * 0.8
        assert who.token() == "tok-2"


def test_many_threads_renew_a_refused_token_once(keystone: tuple[Keystone, str]) -> None:
    one, url = keystone
    who = sign_in(url)
    old = who.token()
    threads = [threading.Thread(target=who.invalidate, args=(old,)) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (who.token(), one.sign_ins) == ("tok-2", 2)
    who.close()


def test_a_renewed_token_that_never_served_is_not_renewed_again_within_a_minute(
    keystone: tuple[Keystone, str],
) -> None:
    who = sign_in(keystone[1])
    assert [who.invalidate(who.token()), who.invalidate("tok-2")] == [True, False]
    who.served("tok-2")
    assert (who.invalidate("tok-2"), keystone[0].sign_ins) == (True, 3)
    who.close()


def test_a_refused_sign_in_is_not_repeated_and_does_not_quote_the_password(
    keystone: tuple[Keystone, str],
) -> None:
    one, url = keystone
    one.refuse = 401
    who = sign_in(url)
    messages = []
    for _ in range(2):
        with pytest.raises(SignInRefused) as caught:
            who.token()
        messages.append(caught.value.message)
    assert (messages, one.sign_ins) == (["Sign-in refused: bad password [redacted]"] * 2, 1)
    who.close()


@pytest.mark.parametrize(
    ("status", "kind"), [(404, WrongAddress), (302, WrongAddress), (503, Unavailable)]
)
def test_a_sign_in_that_fails_otherwise_has_its_own_class(
    keystone: tuple[Keystone, str], status: int, kind: type[Exception]
) -> None:
    keystone[0].refuse = status
    who = sign_in(keystone[1])
    with pytest.raises(kind):
        who.token()
    assert keystone[0].sign_ins == 1  # the redirect was not followed
    who.close()


def test_an_identity_service_that_is_down_is_unavailable() -> None:
    who = sign_in("http://127.0.0.1:1")
    with pytest.raises(Unavailable) as caught:
        who.token()
    assert caught.value.message == "127.0.0.1:1 refused the connection."
    who.close()


def open_id(url: str) -> KeystoneSignIn:
    """A sign-in by a provider that is no part of Keystone."""
    auth = {"auth_url": "http://127.0.0.1:2/v3", "identity_provider": "i", "protocol": "openid"}
    auth |= {"client_id": "c", "client_secret": "hunter2-hunter2", "project_id": "p"}
    auth["discovery_endpoint"] = url
    return KeystoneSignIn(
        CloudConfig("otc", None, "v3oidcclientcredentials", auth), clock=lambda: NOW
    )


def test_a_provider_that_is_down_is_not_told_as_the_identity_service() -> None:
    who = open_id("http://127.0.0.1:1/.well-known/openid-configuration")
    with pytest.raises(Unavailable) as caught:
        who.token()
    assert caught.value.message == "127.0.0.1:1 refused the connection."
    who.close()


def test_a_provider_that_answers_nonsense_is_not_told_as_the_identity_service(
    keystone: tuple[Keystone, str],
) -> None:
    who = open_id(keystone[1])
    with pytest.raises(Malformed) as caught:
        who.token()
    assert caught.value.message.startswith(f"{keystone[1].removeprefix('http://')} answered")
    who.close()


def test_the_endpoint_is_the_first_type_that_is_there_in_region_and_interface(
    keystone: tuple[Keystone, str],
) -> None:
    german, dutch, swiss = (
        sign_in(keystone[1], region=region) for region in ("eu-de", "eu-nl", "eu-ch2")
    )
    assert german.endpoint(["vbsv2", "vbs"]) == ("vbs", "https://vbs.example/v2/")
    assert dutch.endpoint(["vbsv2", "vbs"]) == ("vbsv2", "https://nl.example/v2")
    with pytest.raises(WrongAddress) as caught:
        swiss.endpoint(["vbsv2", "vbs"])
    assert caught.value.message.endswith(" Its regions: eu-de, eu-nl.")
    with pytest.raises(WrongAddress) as caught:
        dutch.endpoint(["dns"])
    assert "regions" not in caught.value.message
    for one in (german, dutch, swiss):
        one.close()


GOOD = """
clouds:
  otc:
    region_name: eu-de
    vbs_type_full: 1
    vbs_follow: disks
    auth:
      {auth_url: "https://iam.example/v3", username: u, user_domain_name: d, project_name: eu-de}
"""
SECURE = "clouds: {otc: {auth: {password: from-secure}}}"
AKSK = "auth_type: aksk, auth: {ak: a, sk: s, project_id: p}"
SIGN = (
    'auth: {auth_url: "https://i.example", username: u, password: p, '
    "project_id: p, user_domain_id: d}"
)


@pytest.mark.parametrize(
    "catalog",
    [[None, "vbsv2", {"type": "vbsv2"}], [{"type": "vbsv2", "endpoints": [5, None]}], "x"],
)
def test_a_catalog_that_is_none_has_no_endpoint(
    keystone: tuple[Keystone, str], catalog: Any
) -> None:
    one, url = keystone
    one.catalog = catalog
    with pytest.raises(WrongAddress, match="The catalog has no public endpoint of vbsv2"):
        sign_in(url).endpoint(["vbsv2"])


@pytest.mark.parametrize("packed", [False, True])
def test_a_sign_in_reads_no_endless_answer(packed: bool) -> None:
    """64 MiB of blanks, as they are or in 64 KiB of gzip, cost the memory of what is allowed, not
    of what is sent.
    """

    def answer(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(201)
        handler.send_header("X-Subject-Token", "tok-1")
        handler.send_header("Connection", "close")
        if packed:
            handler.send_header("Content-Encoding", "gzip")
        handler.end_headers()
        pack = zlib.compressobj(wbits=31)
        blanks = b" " * (1 << 20)
        with suppress(OSError):  # the client has read enough
            for _ in range(64):
                handler.wfile.write(pack.compress(blanks) if packed else blanks)
            handler.wfile.write(pack.flush() if packed else b"")

    with serve(answer) as url:
        tracemalloc.start()
        with pytest.raises(Malformed, match="longer than 4194304 bytes"):
            sign_in(url).token()
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
    assert peak < 32 << 20


def test_clouds_yaml_and_secure_yaml_are_one(tmp_path: Path) -> None:
    (tmp_path / "clouds.yaml").write_text(GOOD)
    (tmp_path / "secure.yaml").write_text(SECURE)
    found = load_clouds({}, cwd=tmp_path, home=tmp_path)["otc"]
    assert (found.auth["password"], found.auth["username"]) == ("from-secure", "u")
    assert (found.region, found.type_full, found.follow, found.requests_per_second) == (
        "eu-de",
        "1",
        "disks",
        5.0,
    )
    assert "from-secure" not in repr(found)


def test_no_file_and_no_variables_are_no_clouds(tmp_path: Path) -> None:
    assert load_clouds({}, cwd=tmp_path, home=tmp_path) == {}


def test_the_variables_make_a_cloud_called_envvars(tmp_path: Path) -> None:
    env = {
        "OS_AUTH_TYPE": "aksk",
        "OS_AK": "a",
        "OS_SK": "s",
        "OS_PROJECT_ID": "p",
        "OS_VBS_API": "vbs",
    }
    env["OS_VBS_ENDPOINT_OVERRIDE"] = "https://vbs.example/v2"
    found = load_clouds(env, cwd=tmp_path, home=tmp_path)
    assert {name: (one.auth, one.api) for name, one in found.items()} == {
        "envvars": ({"ak": "a", "sk": "s", "project_id": "p"}, "vbs")
    }


def test_password_variables_are_read_with_their_older_names(tmp_path: Path) -> None:
    env = {
        "OS_AUTH_URL": "https://iam.example",
        "OS_USERNAME": "u",
        "OS_PASSWORD": "p",
        "OS_TENANT_NAME": "t",
    }
    env |= {"OS_USER_DOMAIN_NAME": "d", "OS_REGION_NAME": "eu-de", "OS_IDENTITY_API_VERSION": "3"}
    found = load_clouds(env, cwd=tmp_path, home=tmp_path)["envvars"]
    assert (found.region, found.auth["tenant_name"]) == ("eu-de", "t")


def test_a_fingerprint_changes_with_the_password_only_by_its_key_and_tells_nothing() -> None:
    one, other = (
        CloudConfig("c", None, "password", {"password": word})
        for word in ("first-word", "second-word")
    )
    prints = {one.fingerprint(b"k"), other.fingerprint(b"k"), one.fingerprint(b"l")}
    assert (len(prints), one.fingerprint(b"k")) == (
        3,
        CloudConfig("d", None, "password", one.auth).fingerprint(b"k"),
    )


@pytest.mark.parametrize(
    ("entry", "names"),
    [
        ("profile: otc", "profile"),
        ("regions: [a]", "regions"),
        (f"vbs_colour: red, {SIGN}", "vbs_colour"),
        (f"vbs_api: glance, {SIGN}", "vbs_api"),
        (f"vbs_type_full: 2, {SIGN}", "vbs_type_full"),
        (f"vbs_requests_per_second: -1, {SIGN}", "vbs_requests_per_second"),
        (f"vbs_requests_per_second: .nan, {SIGN}", "vbs_requests_per_second"),
        (f"vbs_endpoint_override: vbs.example, {SIGN}", "vbs_endpoint_override"),
        (f"cacert: /nowhere/ca.pem, {SIGN}", "cacert"),
        (f"interface: sideways, {SIGN}", "interface"),
        (f"auth_type: magic, {SIGN}", "auth_type"),
        ("auth: {username: u}", "auth_url"),
        ('auth: {auth_url: "https://i.example", username: u, project_id: p}', "password"),
        ('auth: {auth_url: "https://i.example", username: u, password: p}', "project_name"),
        (AKSK, "vbs_endpoint_override"),
        ("auth_type: aksk, auth: {ak: a}", "project_id"),
    ],
)
def test_a_wrong_entry_is_one_sentence_with_file_cloud_and_key(
    tmp_path: Path, entry: str, names: str
) -> None:
    path = tmp_path / "clouds.yaml"
    path.write_text(f"clouds: {{bad: {{{entry}}}}}")
    with pytest.raises(ConfigurationError) as caught:
        load_clouds({}, cwd=tmp_path, home=tmp_path)
    text = str(caught.value)
    assert (text.startswith(f"{path}, cloud bad: "), names in text, "\n" in text) == (
        True,
        True,
        False,
    )


def test_a_file_that_is_no_yaml_says_where(tmp_path: Path) -> None:
    (tmp_path / "clouds.yaml").write_text("clouds:\n  otc: [secret-word\n")
    with pytest.raises(ConfigurationError) as caught:
        load_clouds({}, cwd=tmp_path, home=tmp_path)
    assert (
        str(caught.value)
        == f"{tmp_path}/clouds.yaml is not valid YAML at line 3, column 1: correct it there."
    )


def test_names_that_are_not_there_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="VBSDASH_CLOUDS names 'x'"):
        load_clouds({}, cwd=tmp_path, home=tmp_path, only=["x"])
    with pytest.raises(ConfigurationError, match="OS_CLIENT_CONFIG_FILE names"):
        load_clouds({"OS_CLIENT_CONFIG_FILE": "gone.yaml"}, cwd=tmp_path, home=tmp_path)


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({"domain_name": "D"}, [None, "D", None, "D", None]),
        ({"domain_id": "1"}, ["1", None, "1", None, None]),
        ({"domain_id": "1", "user_domain_name": "U"}, [None, "U", "1", None, None]),
        ({"user_domain_name": "U"}, [None, "U", None, "U", None]),
        ({"default_domain": "default"}, ["default", None, "default", None, None]),
        ({"default_domain_name": "D", "project_domain_id": "2"}, [None, "D", "2", None, None]),
    ],
)
def test_a_domain_is_written_once_as_other_tools_take_it(
    given: dict[str, str], expected: list[str | None]
) -> None:
    auth = {
        "auth_url": "https://i.example",
        "username": "u",
        "password": "p",
        "project_name": "n",
        **given,
    }
    plugin: Any = load_plugin("password", auth)
    method = plugin.auth_methods[0]
    found = [
        method.user_domain_id,
        method.user_domain_name,
        plugin.project_domain_id,
        plugin.project_domain_name,
    ]
    assert [*found, plugin.domain_id] == expected


def test_sign_in_keys_may_stand_beside_auth(tmp_path: Path) -> None:
    entry = (
        "username: u, domain_name: d, "
        'auth: {auth_url: "https://i.example", password: p, project_name: n}'
    )
    (tmp_path / "clouds.yaml").write_text(f"clouds: {{otc: {{{entry}}}}}")
    auth = load_clouds({}, cwd=tmp_path, home=tmp_path)["otc"].auth
    assert (auth["username"], auth["domain_name"], auth["password"]) == ("u", "d", "p")


@pytest.mark.parametrize(
    ("config", "types", "url"),
    [
        ({"interfaces": ("internal", "public")}, ("vbsv2", "vbs"), "https://inside.example/v2"),
        ({"interfaces": ("admin", "public")}, ("vbsv2", "vbs"), "https://vbs.example/v2/"),
        ({"region": "eu-nl"}, ("vbs", "vbsv2"), "https://nl.example/v2"),
        (
            {"block_storage": BlockStorage(interfaces=("internal",))},
            ("volumev3",),
            "https://cinder-inside.example/v3",
        ),
        (
            {"block_storage": BlockStorage(region="eu-nl")},
            ("volumev3",),
            "https://cinder-nl.example/v3",
        ),
        ({"block_storage": BlockStorage(region="eu-nl")}, ("vbs",), "https://vbs.example/v2/"),
    ],
)
def test_the_first_interface_that_the_catalog_has_counts(
    keystone: tuple[Keystone, str], config: dict[str, Any], types: Sequence[str], url: str
) -> None:
    keystone[0].catalog = [
        *CATALOG,
        {
            "type": "volumev3",
            "endpoints": [
                {"interface": "public", "region": "eu-de", "url": "https://cinder.example/v3"},
                {
                    "interface": "internal",
                    "region": "eu-de",
                    "url": "https://cinder-inside.example/v3",
                },
                {"interface": "public", "region": "eu-nl", "url": "https://cinder-nl.example/v3"},
            ],
        },
    ]
    auth = {"auth_url": keystone[1], "username": "u", "password": "p", "project_name": "p"}
    auth |= {"user_domain_name": "d", "project_domain_name": "d"}
    settings = {"region": "eu-de", **config}
    who = KeystoneSignIn(
        CloudConfig(name="otc", auth_type="password", auth=auth, **settings), clock=lambda: NOW
    )
    assert who.endpoint(types).url == url
    who.close()


@pytest.mark.parametrize(
    ("catalog", "api", "expected"),
    [
        (["volumev3"], "auto", f"https://own.example/v3/{PROJECT}"),
        ([], "auto", f"https://own.example/v3/{PROJECT}"),
        (["volumev3", "vbs"], "auto", f"https://vbs.example/v2/{PROJECT}"),
        (["volumev3", "vbs"], "cinder", f"https://own.example/v3/{PROJECT}"),
    ],
)
def test_an_override_of_the_volume_service_is_where_cinder_has_its_backups(
    keystone: tuple[Keystone, str], catalog: list[str], api: str, expected: str
) -> None:
    keystone[0].catalog = [
        {
            "type": name,
            "endpoints": [
                {"interface": "public", "region": "eu-de", "url": f"https://{name}.example/v2"}
            ],
        }
        for name in catalog
    ]
    auth = {"auth_url": keystone[1], "username": "u", "password": "p", "project_name": "p"}
    auth |= {"user_domain_name": "d", "project_domain_name": "d"}
    override = BlockStorage(endpoint_override="https://own.example/v3")
    config = CloudConfig("otc", "eu-de", "password", auth, block_storage=override, api=api)
    client = Client(config, clock=lambda: NOW)
    assert client.endpoint == expected
    client.close()


@pytest.mark.parametrize(
    ("only", "expected"),
    [
        (None, ["evs", "volumev3", "block-storage", "volumev2"]),
        (("volumev2",), ["evs", "volumev2"]),
        (("volumev3", "block-storage"), ["evs", "volumev3", "block-storage"]),
        (("cinderv3",), ["evs", "cinderv3"]),
    ],
)
def test_a_version_or_a_type_of_the_volume_service_narrows_the_catalog(
    only: tuple[str, ...] | None, expected: list[str]
) -> None:
    config = CloudConfig("otc", None, "password", {}, block_storage=BlockStorage(types=only))
    assert list(config.catalog_types(VOLUME_TYPES)) == expected
