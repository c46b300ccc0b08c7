"""Who the client is, and which address it asked for, behind any chain of proxies."""

import ssl
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.http import HttpRequest, HttpResponse
from django.test import Client, RequestFactory

from backups.web.forwarded import ForwardedMiddleware, chain
from vbsdash import env, public_url

NETWORKS = env.trusted_proxies(
    {"VBSDASH_TRUSTED_PROXIES": "127.0.0.1, 10.0.0.0/8,::1,2001:db8:5::/48"}
)


@pytest.mark.parametrize(
    ("peer", "forwarded_for", "client", "trusted"),
    [
        ("203.0.113.7", "", "203.0.113.7", 0),
        ("203.0.113.7", "198.51.100.1", "203.0.113.7", 0),
        ("203.0.113.7", "127.0.0.1", "203.0.113.7", 0),
        ("127.0.0.2", "198.51.100.1", "127.0.0.2", 0),
        ("127.0.0.1", "", "127.0.0.1", 1),
        ("127.0.0.1", "198.51.100.1", "198.51.100.1", 1),
        ("127.0.0.1", "6.6.6.6, 198.51.100.1", "198.51.100.1", 1),
        ("127.0.0.1", "6.6.6.6,127.0.0.1,198.51.100.1", "198.51.100.1", 1),
        ("127.0.0.1", "6.6.6.6, 198.51.100.1, 10.1.2.3", "198.51.100.1", 2),
        ("10.9.9.9", "198.51.100.1,10.0.0.1 , 10.0.0.2", "198.51.100.1", 3),
        ("127.0.0.1", "10.0.0.7", "10.0.0.7", 2),
        ("127.0.0.1", "10.0.0.7, 10.0.0.8", "10.0.0.7", 3),
        ("::1", "2001:db8::9", "2001:db8::9", 1),
        ("::1", "[2001:db8::9]:4711", "2001:db8::9", 1),
        ("::1", '"[2001:db8::9]"', "2001:db8::9", 1),
        ("::1", "2001:DB8:0:0::9", "2001:db8::9", 1),
        ("::1", "2001:db8::9, 2001:db8:5::1", "2001:db8::9", 2),
        ("::1", "fe80::1%eth0", "fe80::1", 1),
        ("fe80::1%eth0", "198.51.100.1", "fe80::1", 0),
        ("127.0.0.1", "198.51.100.1:4711", "198.51.100.1", 1),
        ("::ffff:127.0.0.1", "::ffff:198.51.100.1", "198.51.100.1", 1),
        ("::ffff:203.0.113.7", "198.51.100.1", "203.0.113.7", 0),
        ("127.0.0.1", "198.51.100.1, ::ffff:10.0.0.1", "198.51.100.1", 2),
        ("127.0.0.1", "198.51.100.1, , ,", "198.51.100.1", 1),
        ("127.0.0.1", " , ", "127.0.0.1", 1),
        ("127.0.0.1", "unknown", "127.0.0.1", 1),
        ("127.0.0.1", "6.6.6.6, unknown", "127.0.0.1", 1),
        ("127.0.0.1", "unknown, 198.51.100.1", "198.51.100.1", 1),
        ("127.0.0.1", "6.6.6.6, _hidden, 10.0.0.1", "10.0.0.1", 2),
        ("127.0.0.1", "for=198.51.100.1;proto=https", "127.0.0.1", 1),
        ("127.0.0.1", "198.51.100.1; 6.6.6.6", "127.0.0.1", 1),
        ("127.0.0.1", "198.51.100.999", "127.0.0.1", 1),
        ("127.0.0.1", "198.51.100", "127.0.0.1", 1),
        ("127.0.0.1", "198.51.100.1/24", "127.0.0.1", 1),
        ("127.0.0.1", "[::1", "::1", 2),
        ("127.0.0.1", "[", "127.0.0.1", 1),
        ("127.0.0.1", "]:[", "127.0.0.1", 1),
        ("127.0.0.1", "::::::", "127.0.0.1", 1),
        ("127.0.0.1", "%", "127.0.0.1", 1),
        ("127.0.0.1", "' OR 1=1 --", "127.0.0.1", 1),
        ("127.0.0.1", "\x00\xff\t", "127.0.0.1", 1),
        ("127.0.0.1", "1" * 8000, "127.0.0.1", 1),
        ("127.0.0.1", "," * 8000, "127.0.0.1", 1),
        ("127.0.0.1", "٣.٣.٣.٣", "127.0.0.1", 1),
        ("", "198.51.100.1", "198.51.100.1", 1),
        ("", "", "127.0.0.1", 1),
        ("/run/vbsdash.sock", "198.51.100.1", "198.51.100.1", 1),
    ],
)
def test_the_client_is_the_rightmost_address_that_is_no_trusted_proxy(
    peer: str, forwarded_for: str, client: str, trusted: int
) -> None:
    route = chain(peer, forwarded_for, NETWORKS)
    assert (route.client, route.trusted) == (client, trusted)


def test_only_loopback_is_trusted_by_default() -> None:
    networks = env.trusted_proxies({})
    for peer in ("127.0.0.1", "127.9.9.9", "::1", "::ffff:127.0.0.1"):
        assert chain(peer, "198.51.100.1", networks).client == "198.51.100.1"
    for peer in ("10.0.0.1", "192.168.0.1", "::2", "fe80::1"):
        assert chain(peer, "198.51.100.1", networks).client == peer


@pytest.mark.parametrize(
    ("value", "networks"),
    [
        ("10.0.0.5", ["10.0.0.5/32"]),
        (" 10.0.0.5 ,192.168.0.0/16, ", ["10.0.0.5/32", "192.168.0.0/16"]),
        ("192.168.0.0/255.255.0.0", ["192.168.0.0/16"]),
        ("2001:DB8::/32,::1", ["2001:db8::/32", "::1/128"]),
        ("::ffff:10.0.0.5", ["10.0.0.5/32"]),
        ("::ffff:10.0.0.0/104", ["10.0.0.0/8"]),
        ("fe80::1%eth0, fe80::%eth0/64", ["fe80::1/128", "fe80::/64"]),
        ("", ["127.0.0.0/8", "::1/128"]),
        (" , ", ["127.0.0.0/8", "::1/128"]),
    ],
)
def test_addresses_and_networks_are_read(value: str, networks: list[str]) -> None:
    read = env.trusted_proxies({"VBSDASH_TRUSTED_PROXIES": value})
    assert [str(network) for network in read] == networks


def asked(settings: Any, url: str | None = None, **meta: Any) -> HttpRequest:
    """The request as a page sees it."""
    settings.TRUSTED_PROXIES = NETWORKS
    settings.ALLOWED_HOSTS = ["*"]
    settings.PUBLIC_URL = public_url.read({"VBSDASH_URL": url or ""})
    settings.FORCE_SCRIPT_NAME = settings.PUBLIC_URL.path if url else None
    request: HttpRequest = RequestFactory().get("/", **meta)
    ForwardedMiddleware(lambda request: HttpResponse())(request)
    return request


@pytest.mark.parametrize(
    ("peer", "meta", "origin"),
    [
        ("127.0.0.1", {}, "http://inner"),
        ("127.0.0.1", {"PROTO": "https"}, "https://inner"),
        ("127.0.0.1", {"PROTO": "HTTPS "}, "https://inner"),
        ("127.0.0.1", {"PROTO": "http"}, "http://inner"),
        ("127.0.0.1", {"PROTO": "gopher"}, "http://inner"),
        ("127.0.0.1", {"PROTO": ""}, "http://inner"),
        ("127.0.0.1", {"PROTO": "https", "HOST": "outer"}, "https://outer"),
        ("127.0.0.1", {"HOST": "outer:8443"}, "http://outer:8443"),
        ("127.0.0.1", {"HOST": ""}, "http://inner"),
        ("127.0.0.1", {"HOST": "evil, outer", "PROTO": "http,https"}, "https://outer"),
        (
            "127.0.0.1",
            {"HOST": "evil, outer, middle", "PROTO": "https, http", "FOR": "6.6.6.6, 10.0.0.1"},
            "https://outer",
        ),
        ("127.0.0.1", {"HOST": "outer", "FOR": "6.6.6.6, 10.0.0.1, 10.0.0.2"}, "http://outer"),
        ("203.0.113.7", {"PROTO": "https", "HOST": "evil"}, "http://inner"),
        ("203.0.113.7", {"PROTO": "https", "HOST": "evil", "FOR": "127.0.0.1"}, "http://inner"),
    ],
)
def test_scheme_and_host_are_those_that_the_outermost_trusted_proxy_saw(
    settings: Any, peer: str, meta: dict[str, str], origin: str
) -> None:
    headers = {f"HTTP_X_FORWARDED_{name}": value for name, value in meta.items()}
    request = asked(settings, REMOTE_ADDR=peer, HTTP_HOST="inner", **headers)
    assert request.build_absolute_uri("/") == f"{origin}/"


@pytest.mark.parametrize("peer", ["127.0.0.1", "203.0.113.7"])
def test_what_gunicorn_makes_of_other_headers_does_not_count(settings: Any, peer: str) -> None:
    """As X-Forwarded-Ssl and X-Forwarded-Protocol, of peers on a list of its own."""
    for socket, scheme in ((object(), "http"), (ssl.SSLSocket.__new__(ssl.SSLSocket), "https")):
        meta: dict[str, Any] = {"wsgi.url_scheme": "https", "gunicorn.socket": socket}
        assert asked(settings, REMOTE_ADDR=peer, **meta).scheme == scheme


def test_the_public_host_is_under_its_public_scheme(settings: Any) -> None:
    """Many proxies tell neither scheme nor port."""
    url = "https://vbs.example:8443/x"
    for host in ("vbs.example", "VBS.example:8443", "vbs.example:443", "vbs.example."):
        assert asked(settings, url, HTTP_HOST=host).is_secure()
    for host in ("vbs.example:8000", "localhost"):
        assert not asked(settings, url, HTTP_HOST=host).is_secure()
    assert not asked(settings, "http://vbs.example", HTTP_HOST="vbs.example").is_secure()


@pytest.mark.parametrize(
    ("came", "path_info"),
    [
        ("/vbs/backups/", "/backups/"),
        ("/backups/", "/backups/"),
        ("/vbs/", "/"),
        ("/vbs", "/"),
        ("/", "/"),
        ("", "/"),
        ("/vbsx/", "/vbsx/"),
        ("/VBS/", "/VBS/"),
        ("/vbs/vbs/", "/vbs/"),
        ("/vbs//evil.example/", "/evil.example/"),
        ("//backups/", "/backups/"),
        ("//vbs/backups/", "/backups/"),
        ("//", "/"),
        ("//static/x.css", "/static/x.css"),
    ],
)
def test_a_public_path_that_was_kept_is_taken_off_once(
    settings: Any, came: str, path_info: str
) -> None:
    request = asked(settings, "https://h/vbs", PATH_INFO=came)
    assert (request.path_info, request.path) == (path_info, f"/vbs{path_info}")


@pytest.mark.django_db
@pytest.mark.parametrize("name", ["admin", "nobody"])
def test_nobody_behind_a_proxy_can_lock_an_account_for_others(
    client: Client, settings: Any, name: str
) -> None:
    """Nor evade the own lock by addresses that it makes up."""
    User.objects.create_superuser("admin", password="a long password")

    def sign_in(password: str, forwarded_for: str) -> int:
        form = {"username": name, "password": password}
        headers = {"X-Forwarded-For": forwarded_for}
        return client.post("/accounts/login/", form, headers=headers).status_code

    for number in range(settings.AXES_FAILURE_LIMIT):
        sign_in("wrong", f"198.51.100.{number}, 203.0.113.7")
    assert sign_in("a long password", "192.0.2.1, 203.0.113.7") == 429
    assert sign_in("a long password", "203.0.113.7") == 429
    assert sign_in("wrong", "203.0.113.8") == 200
    assert sign_in("a long password", "198.51.100.1") == (302 if name == "admin" else 200)


@pytest.mark.django_db
@pytest.mark.parametrize(
    "value", ["unknown", "\xff", "for=1.2.3.4", "[::1", "fe80::1%eth0", "1.2.3.4:5", "9" * 4000]
)
def test_no_text_in_a_header_is_an_error(client: Client, value: str) -> None:
    headers = {"X-Forwarded-For": value, "X-Forwarded-Proto": value, "Forwarded": value}
    form = {"username": "x", "password": "y"}
    assert client.post("/accounts/login/", form, headers=headers).status_code == 200
