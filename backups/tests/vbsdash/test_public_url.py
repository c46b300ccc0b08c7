"""VBSDASH_URL: every spelling of an address becomes what a browser sends, everything else is
refused by one sentence.
"""

import re
from typing import Any

import pytest

from backups.vbs.errors import ConfigurationError
from vbsdash import public_url, urls

SECRET = "s3cret-word"


@pytest.mark.parametrize(
    ("value", "read", "host_header", "path"),
    [
        ("https://backups.example.com/vbs", None, "backups.example.com", "/vbs"),
        ("https://backups.example.com/vbs/", "https://backups.example.com/vbs", None, "/vbs"),
        ("https://backups.example.com", None, "backups.example.com", ""),
        ("https://backups.example.com/", "https://backups.example.com", None, ""),
        ("https://backups.example.com/ops/vbs", None, None, "/ops/vbs"),
        ("https://backups.example.com/~ops/vbs-2.0_x", None, None, "/~ops/vbs-2.0_x"),
        ("https://backups.example.com/Vbs", None, None, "/Vbs"),
        ("http://host:8080", None, "host:8080", ""),
        ("http://host", None, "host", ""),
        ("HTTPS://Backups.Example.COM/vbs", "https://backups.example.com/vbs", None, "/vbs"),
        ("https://h:443/vbs", "https://h/vbs", "h", "/vbs"),
        ("http://h:80", "http://h", "h", ""),
        ("http://h:443", None, "h:443", ""),
        ("https://h:80/x", None, "h:80", "/x"),
        ("https://h:08443/", "https://h:8443", "h:8443", ""),
        ("https://h:/vbs", "https://h/vbs", "h", "/vbs"),
        ("https://h./vbs", "https://h/vbs", "h", "/vbs"),
        ("https://10.0.0.5:8443/vbs", None, "10.0.0.5:8443", "/vbs"),
        ("http://[2001:DB8:0::1]:8000/vbs", "http://[2001:db8::1]:8000/vbs", None, "/vbs"),
        ("http://[::1]", None, "[::1]", ""),
        ("https://bücher.example/vbs", "https://xn--bcher-kva.example/vbs", None, "/vbs"),
        ("https://BÜCHER.example", "https://xn--bcher-kva.example", None, ""),
        ("https://straße.example", "https://xn--strae-oqa.example", None, ""),
        ("https://例え。テスト", "https://xn--r8jz45g.xn--zckzah", None, ""),
        ("https://xn--bcher-kva.example", None, "xn--bcher-kva.example", ""),
    ],
)
def test_an_address_becomes_what_a_browser_sends(
    value: str, read: str | None, host_header: str | None, path: str
) -> None:
    url = public_url.read({"VBSDASH_URL": value})
    assert url is not None
    assert (str(url), url.path) == (read or value, path)
    assert str(url) == url.origin + path
    assert url.host_header == host_header or host_header is None


@pytest.mark.parametrize("env", [{}, {"VBSDASH_URL": ""}])
def test_none_is_not_set(env: dict[str, str]) -> None:
    assert public_url.read(env) is None


@pytest.mark.parametrize(
    ("value", "fault"),
    [
        ("backups.example.com/vbs", "does not begin with https://"),
        ("//backups.example.com/vbs", "does not begin with https://"),
        ("/vbs", "does not begin with https://"),
        ("localhost:8000", "does not begin with https://"),
        ("https:/backups.example.com", "does not begin with https://"),
        ("https:backups.example.com", "does not begin with https://"),
        ("ftp://backups.example.com", "does not begin with https://"),
        ("httpss://backups.example.com", "does not begin with https://"),
        ("'https://backups.example.com'", "begins with a quotation mark"),
        ('"https://backups.example.com/vbs"', "begins with a quotation mark"),
        ("https://a.example, https://b.example/vbs", "holds :// more than once"),
        ("https://a.example;https://b.example", "holds :// more than once"),
        ("https://https://h/vbs", "holds :// more than once"),
        (f"https://user:{SECRET}@h/vbs", "holds a user or a password"),
        (f"https://{SECRET}@h/vbs", "holds a user or a password"),
        ("https://@h", "holds a user or a password"),
        (f"https://h/vbs?token={SECRET}", "holds a query"),
        ("https://h/vbs?", "holds a query"),
        ("https://h?x", "holds a query"),
        (f"https://h/vbs#{SECRET}", "holds a fragment"),
        ("https://h/#", "holds a fragment"),
        ("https://h /vbs", "holds a blank"),
        (" https://h/vbs", "holds a blank"),
        ("https://h/vbs\n", "holds a blank"),
        ("https://h/a\tb", "holds a blank"),
        ("https://h/a\u00a0b", "holds a blank"),
        ("https://h/vbs\u200b", "holds a blank"),
        ("https://h/vbs\x00", "holds a blank"),
        ("https://h/../vbs", "has .. in its path"),
        ("https://h/vbs/..", "has .. in its path"),
        ("https://h/./vbs", "has . in its path"),
        ("https://h//vbs", "has // in its path"),
        ("https://h/vbs//", "has // in its path"),
        ("https://h//", "has // in its path"),
        ("https://h/a//b", "has // in its path"),
        ("https://h/%76bs", "holds a percent sign"),
        ("https://h%2e/", "holds a percent sign"),
        ("http://[fe80::1%25eth0]/", "holds a percent sign"),
        ("https://h\\vbs", "holds a backslash"),
        ("https://h/vbs;x=1", "has a path that cannot be"),
        ("https://h/vbs$", "has a path that cannot be"),
        ('https://h/"vbs"', "has a path that cannot be"),
        ("https://h/größe", "has a path that cannot be"),
        ("https://h/a:b@c", "has a path that cannot be"),
        ("https://", "names no host"),
        ("https:///vbs", "names no host"),
        ("https://:8443/", "names no host"),
        ("https://h:port/", "names no host and port"),
        ("https://h:-1/", "names no host and port"),
        ("https://h:80:80/", "names no host and port"),
        ("https://2001:db8::1/", "names no host and port"),
        ("https://[::1]x/", "names no host and port"),
        ("https://[::1/", "names no host and port"),
        ("https://h:0/", "has a port that cannot be"),
        ("https://h:65536/", "has a port that cannot be"),
        ("https://h:" + "9" * 5000, "has a port that cannot be"),
        ("https://[::g]/", "has an address that cannot be"),
        ("https://[]/", "has an address that cannot be"),
        ("https://[10.0.0.5]/", "has an address that cannot be"),
        ("https://10.0.0.256/", "has an address that cannot be"),
        ("https://10.0.5/", "has an address that cannot be"),
        ("https://0x7f000001/", "has an address that cannot be"),
        ("http://0.0.0.0:8000", "has an address that stands for all"),
        ("http://[::]:8000", "has an address that stands for all"),
        ("https://my_host/", "has a host that no browser can open"),
        ("https://*.example.com/", "has a host that no browser can open"),
        ("https://.example.com/", "has a host that no browser can open"),
        ("https://a..b/", "has a host that no browser can open"),
        ("https://-a.example/", "has a host that no browser can open"),
        ("https://h,g/", "has a host that no browser can open"),
        ("https://" + "a" * 64 + ".example", "has a host that no browser can open"),
        ("https://" + "a." * 130 + "example", "has a host that no browser can open"),
        ("https://☃☃\u0301.\u0301/", "has a host that no browser can open"),
        ("https://h/backups", "has a path that begins with /backups"),
        ("https://h/api/vbs/", "has a path that begins with /api"),
        ("https://h/static", "has a path that begins with /static"),
    ],
)
def test_anything_else_is_one_sentence_with_the_cure(value: str, fault: str) -> None:
    with pytest.raises(ConfigurationError) as refusal:
        public_url.read({"VBSDASH_URL": value})
    sentence = str(refusal.value)
    assert sentence.startswith(f"VBSDASH_URL {fault}"), sentence
    assert re.fullmatch(r".+: .+, as in https://backups\.example\.com/vbs\.", sentence)
    assert SECRET not in sentence


def test_no_public_path_begins_as_a_page_of_ours() -> None:
    patterns: list[Any] = urls.urlpatterns
    beginnings = {str(each.pattern).partition("/")[0] for each in patterns}
    assert beginnings - {""} | {"static"} == public_url.OWN_PATHS
