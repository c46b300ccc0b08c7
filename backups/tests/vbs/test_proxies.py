"""Which proxy a call goes through, compared with what `requests` itself makes of the variables."""

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest

from backups.vbs.clouds import load_clouds
from backups.vbs.errors import ConfigurationError, ProxyFailed
from backups.vbs.proxies import headers_of, read_proxies
from vbsdash import env

A = "http://a.example:3128"
B = "http://b.example:3129"
HTTP = "http://vbs.example.com:8776/v2"
HTTPS = "https://vbs.example.com/v2"
IPV4 = "http://10.20.30.40:8776/v2"
IPV6 = "http://[fd00::5]:8776/v2"
LOCAL = "http://localhost:5000/v3"

# What `requests` is asked in a process of its own, since it reads the environment of the process.
ORACLE = """
import json, os, sys
from requests.utils import get_environ_proxies, select_proxy
answers = []
for variables, url in json.load(sys.stdin):
    os.environ.clear()
    os.environ.update(variables)
    answers.append(select_proxy(url, get_environ_proxies(url)))
json.dump(answers, sys.stdout)
"""


def without(no_proxy: str, url: str) -> tuple[dict[str, str], str]:
    """A case in which all goes through one proxy but what this list names."""
    return {"ALL_PROXY": A, "NO_PROXY": no_proxy}, url


LIKE_REQUESTS = [
    # Which variable counts for which scheme.
    ({}, HTTP),
    ({}, HTTPS),
    ({"HTTP_PROXY": A}, HTTP),
    ({"HTTP_PROXY": A}, HTTPS),
    ({"HTTPS_PROXY": A}, HTTPS),
    ({"HTTPS_PROXY": A}, HTTP),
    ({"http_proxy": A}, HTTP),
    ({"https_proxy": A}, HTTPS),
    ({"ALL_PROXY": A}, HTTP),
    ({"all_proxy": A}, HTTPS),
    ({"ALL_PROXY": A, "HTTPS_PROXY": B}, HTTPS),
    ({"ALL_PROXY": A, "HTTPS_PROXY": B}, HTTP),
    ({"all_proxy": A, "HTTP_PROXY": B}, HTTP),
    # Small letters and capitals, nothing, and neither.
    ({"http_proxy": A, "HTTP_PROXY": B}, HTTP),
    ({"HTTPS_PROXY": B, "https_proxy": A}, HTTPS),
    ({"http_proxy": "", "HTTP_PROXY": B}, HTTP),
    ({"https_proxy": "", "HTTPS_PROXY": B, "ALL_PROXY": A}, HTTPS),
    ({"https_proxy": A, "HTTPS_PROXY": ""}, HTTPS),
    ({"HTTP_PROXY": ""}, HTTP),
    ({"HTTP_PROXY": "", "ALL_PROXY": A}, HTTP),
    ({"all_proxy": "", "ALL_PROXY": A}, HTTP),
    ({"Https_Proxy": A}, HTTPS),
    ({"HTTPS_proxy": A, "HTTPS_PROXY": B}, HTTPS),
    ({"HTTPSPROXY": A, "PROXY": A, "FTP_PROXY": A}, HTTPS),
    # How the address of a proxy is written.
    ({"HTTP_PROXY": "a.example:3128"}, HTTP),
    ({"HTTPS_PROXY": "a.example:3128"}, HTTPS),
    ({"HTTP_PROXY": "a.example"}, HTTP),
    ({"HTTPS_PROXY": "http://a.example:3128/"}, HTTPS),
    ({"HTTPS_PROXY": "https://a.example"}, HTTPS),
    ({"HTTPS_PROXY": "http://user:pass@a.example:3128"}, HTTPS),
    ({"HTTPS_PROXY": "http://user:p%40ss%2F@a.example:3128"}, HTTPS),
    ({"HTTPS_PROXY": "user:pass@a.example:3128"}, HTTPS),
    ({"HTTPS_PROXY": "http://[fd00::1]:3128"}, HTTPS),
    ({"HTTPS_PROXY": "HTTP://A.example:3128"}, HTTPS),
    # Names and domains.
    without("vbs.example.com", HTTPS),
    without("example.com", HTTPS),
    without(".example.com", HTTPS),
    without("..example.com", HTTPS),
    without("com", HTTPS),
    without("ample.com", HTTPS),
    without("other.example.com", HTTPS),
    without("vbs.example.com.", HTTPS),
    without("example.com", "https://example.com/v2"),
    without(".example.com", "https://example.com/v2"),
    without("EXAMPLE.com", HTTPS),
    without("example.com", "https://VBS.Example.COM/v2"),
    without("other.org,vbs.example.com", HTTPS),
    without(" other.org , .example.com ", HTTPS),
    without("other.org,\t.example.com", HTTPS),
    without("other.org .example.com", HTTPS),
    without("other.org;.example.com", HTTPS),
    without(",,", HTTPS),
    without(".", HTTPS),
    without("localhost", LOCAL),
    without("localhost,127.0.0.1", "http://127.0.0.1:5000/v3"),
    without("localhost", "http://127.0.0.1:5000/v3"),
    without("127.0.0.1", LOCAL),
    # Everything.
    without("*", HTTPS),
    without("*", IPV4),
    without("*", IPV6),
    without("other.org,*", HTTPS),
    without("*.example.com", HTTPS),
    without("https://vbs.example.com", HTTPS),
    # Ports.
    without("vbs.example.com:8776", HTTP),
    without("example.com:8776", HTTP),
    without(".example.com:8776", HTTP),
    without("vbs.example.com:8777", HTTP),
    without("vbs.example.com:877", HTTP),
    without("vbs.example.com:443", HTTPS),
    without("vbs.example.com:443", "https://vbs.example.com:443/v2"),
    without("localhost:5000", LOCAL),
    without(":8776", HTTP),
    # Addresses and networks.
    without("10.20.30.40", IPV4),
    without("10.20.30.4", IPV4),
    without("10.20.0.0/16", IPV4),
    without("10.21.0.0/16", IPV4),
    without("10.20.30.40/32", IPV4),
    without("10.20.30.41/31", IPV4),
    without("10.0.0.0/0", IPV4),
    without("10.0.0.0/33", IPV4),
    without("10.0.0.0/255.0.0.0", IPV4),
    without("10.20", IPV4),
    without("10.20.30.", IPV4),
    without(".30.40", IPV4),
    without("10.20.0.0/16", HTTP),
    without("other.org, 10.0.0.0/8", IPV4),
    without("fd00::5", IPV6),
    without("fd00::6", IPV6),
    without("::1", "http://[::1]:5000/v3"),
    without("::1", "http://[::1]/v3"),
    without("localhost", "http://[::1]:5000/v3"),
    # Which of the two lists.
    ({"ALL_PROXY": A, "no_proxy": "example.com", "NO_PROXY": "other.org"}, HTTPS),
    ({"ALL_PROXY": A, "no_proxy": "other.org", "NO_PROXY": "example.com"}, HTTPS),
    ({"ALL_PROXY": A, "no_proxy": "", "NO_PROXY": "example.com"}, HTTPS),
    ({"ALL_PROXY": A, "no_proxy": "example.com", "NO_PROXY": ""}, HTTPS),
    ({"NO_PROXY": "example.com"}, HTTPS),
]


@pytest.fixture(scope="module")
def choices_of_requests() -> list[str | None]:
    done = subprocess.run(
        [sys.executable, "-c", ORACLE],
        input=json.dumps(LIKE_REQUESTS),
        env={"PATH": os.environ["PATH"]},
        capture_output=True,
        text=True,
        check=True,
    )
    choices: list[str | None] = json.loads(done.stdout)
    return choices


@pytest.mark.parametrize("number", range(len(LIKE_REQUESTS)))
def test_the_choice_is_that_of_requests(choices_of_requests: list[str | None], number: int) -> None:
    variables, url = LIKE_REQUESTS[number]
    expected = choices_of_requests[number]
    if expected is not None:
        whole = expected if "://" in expected else f"http://{expected}"
        expected = whole.removesuffix("/")
    assert str(chosen(variables, url)).lower() == str(expected).lower()


def chosen(variables: Mapping[str, str], url: str) -> str | None:
    """Returns the address of the chosen proxy as people write it, without the usual port."""
    proxy = read_proxies(variables).for_url(url)
    if proxy is None:
        return None
    usual = ":443" if proxy.scheme == "https" else ":80"
    return proxy.url.removesuffix(usual)


@pytest.mark.parametrize(
    ("no_proxy", "url", "is_direct"),
    [
        ("[fd00::5]", IPV6, True),
        ("[fd00::6]", IPV6, False),
        ("[fd00::5]:8776", IPV6, True),
        ("[fd00::5]:8777", IPV6, False),
        ("[FD00:0:0::5]", IPV6, True),
        ("other.org, [::1]", "http://[::1]:5000/v3", True),
        ("[::1]", LOCAL, False),
        ("[", IPV6, False),
        ("[]", IPV6, False),
        ("fd00::/8", IPV6, True),
        ("fe80::/10", IPV6, False),
        ("fd00::/129", IPV6, False),
        ("10.20.30.40:8776", IPV4, True),
        ("10.20.30.40:8777", IPV4, False),
        ("VBS.example.com:8776", HTTP, True),
    ],
)
def test_an_address_with_brackets_port_or_network_means_itself(
    no_proxy: str, url: str, *, is_direct: bool
) -> None:
    assert (chosen(*without(no_proxy, url)) is None) == is_direct


def clouds_file(folder: Path, **urls: str) -> dict[str, str]:
    """Writes a cloud with these addresses; returns the variable that names its file."""
    auth = {"auth_url": urls.pop("auth_url", "https://iam.example.com/v3"), "username": "u"}
    auth |= {"password": "p", "project_name": "eu-de", "user_domain_name": "d"}
    file = folder / "clouds.yaml"
    file.write_text(json.dumps({"clouds": {"otc": {"auth": auth, **urls}}}))
    return {"OS_CLIENT_CONFIG_FILE": str(file)}


@pytest.mark.parametrize(
    ("value", "says"),
    [
        ("socks5://hunter2:hunter2@proxy:1080", "names a SOCKS proxy, which is not supported"),
        ("socks5h://proxy:1080", "names a SOCKS proxy, which is not supported"),
        ("SOCKS4://proxy", "names a SOCKS proxy, which is not supported"),
        ("socks://proxy:1080/", "names a SOCKS proxy, which is not supported"),
        ("ftp://hunter2:hunter2@proxy:3128", "must begin with one of http://, https://"),
        ("file:///etc/proxy", "must begin with one of http://, https://"),
        ("http:proxy:3128", "must begin with one of http://, https://"),
        ("http:/proxy:3128", "must begin with one of http://, https://"),
        ("http//proxy:3128", "must begin with one of http://, https://"),
        ("http://user:${PASSWORD}@proxy:3128", "holds a ${NAME} or the like that nothing"),
        ("http://${PROXY_HOST}:3128", "holds a ${NAME} or the like that nothing"),
        ("http://", "names no host"),
        ("http://:3128", "names no host"),
        (" ", "names no host"),
        ("http://proxy:", "has no port from 1 to 65535"),
        ("http://proxy:0", "has no port from 1 to 65535"),
        ("http://proxy:99999", "has no port from 1 to 65535"),
        ("http://proxy:hunter2", "has no port from 1 to 65535"),
        ("proxy:3128:hunter2", "has several colons in its host"),
        ("http://pro xy:3128", "holds a blank"),
        ("http://user:hunter 2@proxy:3128", "holds a blank"),
        ('"http://proxy:3128"', "stands in quotes"),
        ("http://user:hunter2#@proxy:3128", "seems to hold a password with a character that must"),
        ("http://user:hunter2/@proxy:3128", "seems to hold a password with a character that must"),
        ("http://user:hunter2?@proxy:3128", "seems to hold a password with a character that must"),
        ("http://user:hunter2@@proxy:3128", "seems to hold a password with a character that must"),
        ("http://user:hunter2%@proxy:3128", "holds a % that begins no code"),
        ("http://user:hunter2%0a@proxy:3128", "holds the code of a line end"),
        ("http://fd00::1:3128", "has several colons in its host"),
        ("http://[fd00::1:3128", "names a host that can be none"),
        ("http://proxy,other:3128", "names several hosts"),
        ("http://proxy:3128,http://other:3128", "names several hosts"),
        ("http://proxy:3128/proxy.pac", "has a path, which a proxy has not"),
        ("http://proxy:3128?user=hunter2", "has the option user, which is not supported"),
        ("http://proxy:3128#hunter2", "has a # which begins no part of it"),
    ],
)
def test_what_is_no_address_of_a_proxy_is_refused_by_the_name_of_its_variable(
    tmp_path: Path, value: str, says: str
) -> None:
    for name in ("HTTPS_PROXY", "https_proxy", "ALL_PROXY"):
        variables = clouds_file(tmp_path) | {name: value}
        with pytest.raises(ConfigurationError) as caught:
            load_clouds(variables, cwd=tmp_path, home=tmp_path)
        sentence = str(caught.value)
        assert sentence.startswith(f"{name} {says}")
        assert "hunter2" not in sentence
        assert sentence.endswith(".")


def test_a_wrong_address_that_no_cloud_needs_stops_nothing(tmp_path: Path) -> None:
    wrong = {"ALL_PROXY": "socks5://proxy:1080"}
    for variables in (
        clouds_file(tmp_path) | wrong | {"HTTPS_PROXY": A},
        clouds_file(tmp_path) | wrong | {"NO_PROXY": "example.com"},
        clouds_file(tmp_path) | {"HTTP_PROXY": "socks5://proxy:1080"},
    ):
        assert list(load_clouds(variables, cwd=tmp_path, home=tmp_path)) == ["otc"]
    (tmp_path / "clouds.yaml").write_text("clouds: {}")
    assert load_clouds(wrong, cwd=tmp_path, home=tmp_path) == {}


@pytest.mark.parametrize("key", ["vbs_endpoint_override", "volume_endpoint_override", "auth_url"])
def test_a_wrong_address_that_any_address_of_a_cloud_needs_is_refused(
    tmp_path: Path, key: str
) -> None:
    variables = clouds_file(tmp_path, **{key: "http://10.0.0.1:8776"})
    variables |= {"HTTP_PROXY": "ftp://proxy"}
    with pytest.raises(ConfigurationError, match=r"^HTTP_PROXY must begin with"):
        load_clouds(variables, cwd=tmp_path, home=tmp_path)


def test_a_wrong_address_that_only_the_catalog_needs_is_told_by_the_call(tmp_path: Path) -> None:
    variables = clouds_file(tmp_path) | {"HTTP_PROXY": "socks5://user:hunter2@proxy:1080"}
    proxies = load_clouds(variables, cwd=tmp_path, home=tmp_path)["otc"].proxies
    with pytest.raises(ProxyFailed, match=r"^HTTP_PROXY names a SOCKS proxy") as caught:
        proxies.for_url(HTTP)
    assert "hunter2" not in str(caught.value)


def test_user_and_password_are_in_no_repr(tmp_path: Path) -> None:
    variables = clouds_file(tmp_path) | {"HTTPS_PROXY": "http://someone:hunter2@proxy:3128"}
    config = load_clouds(variables, cwd=tmp_path, home=tmp_path)["otc"]
    proxy = config.proxies.for_url(HTTPS)
    assert proxy is not None
    assert (proxy.place, proxy.variable) == ("proxy:3128", "HTTPS_PROXY")
    for text in (repr(config), repr(proxy), str(proxy), repr(config.proxies)):
        assert "hunter2" not in text
        assert "someone" not in text


@pytest.mark.parametrize(
    ("user_info", "encoded"),
    [
        ("user:pass", "dXNlcjpwYXNz"),  # user:pass
        ("user:p%40ss%3A%2F%25", "dXNlcjpwQHNzOi8l"),  # user:p@ss:/%
        ("us%40er:pass", "dXNAZXI6cGFzcw=="),  # us@er:pass
        ("user:a:b", "dXNlcjphOmI="),  # user:a:b
        ("user", "dXNlcjo="),  # user: and nothing
        ("user:p+s", "dXNlcjpwK3M="),  # user:p+s
        ("user:p%C3%A4ss", "dXNlcjpw5HNz"),  # user:päss in Latin-1, as requests
        ("user:%E2%82%AC", "dXNlcjrigqw="),  # user:€ in UTF-8
    ],
)
def test_user_and_password_are_decoded_for_the_header(user_info: str, encoded: str) -> None:
    proxy = read_proxies({"ALL_PROXY": f"http://{user_info}@proxy:3128"}).for_url(HTTP)
    assert proxy is not None
    assert headers_of(proxy.url) == {"Proxy-Authorization": f"Basic {encoded}"}
    assert headers_of("http://proxy:3128") == {}


@pytest.mark.parametrize(
    ("in_file", "in_environment", "expected"),
    [
        ("https_proxy=a.example", {}, "a.example"),
        ("HTTPS_PROXY=a.example", {"HTTPS_PROXY": "b.example"}, "b.example"),
        ("https_proxy=a.example", {"HTTPS_PROXY": "b.example"}, "b.example"),
        ("HTTPS_PROXY=a.example", {"https_proxy": "b.example"}, "b.example"),
        ("https_proxy=a.example", {"HTTPS_PROXY": ""}, None),
        ("https_proxy=a.example\nno_proxy=example.com", {"NO_PROXY": "other.org"}, "a.example"),
        ("https_proxy=a.example", {"HTTP_PROXY": "b.example"}, "a.example"),
    ],
)
def test_the_environment_wins_over_the_file_in_either_spelling(
    tmp_path: Path, in_file: str, in_environment: dict[str, str], expected: str | None
) -> None:
    file = tmp_path / ".env"
    file.write_text(in_file)
    proxy = read_proxies(env.read(in_environment, dotenv=file)).for_url(HTTPS)
    assert (proxy.host if proxy else None) == expected


def test_which_way_a_call_takes_is_said() -> None:
    proxies = read_proxies({"https_proxy": "user:hunter2@proxy:3128", "NO_PROXY": "other.org"})
    assert proxies.way_to(HTTPS) == "through proxy:3128, as https_proxy says"
    assert proxies.way_to("https://other.org/v3") == "directly: NO_PROXY names it"
    assert proxies.way_to(HTTP) == ""
    assert read_proxies({"NO_PROXY": "*"}).way_to(HTTPS) == ""
    unusable = read_proxies({"HTTP_PROXY": "socks5://user:hunter2@proxy:1080"})
    assert unusable.way_to(HTTP) == "nowhere: HTTP_PROXY names no proxy"


@pytest.mark.parametrize(
    ("no_proxy", "cure"),
    [
        ("localhost,127.0.0.1,.example.com,10.0.0.0/8,[::1]:80,fd00::/8,*.", "write a domain as"),
        ("*.example.com", "write .example.com"),
        ("localhost,*", "write a domain as"),
        ("10.*", "write a domain as"),
        ("https://vbs.example.com", "write the host without its scheme"),
        ("https://user:hunter2@vbs.example.com", "write the host without its scheme"),
        ("example.com/v3", "write a network as"),
        ("10.0.0.0/33", "write a network as"),
        ("localhost example.com", "separate the hosts by commas"),
        ("localhost;example.com", "separate the hosts by commas"),
        ('"localhost"', "separate the hosts by commas"),
        ("vbs.example.com.", "without the dot at its end"),
        ("10.20.", "an address whole, a network as"),
        ("10.20.0.0-10.20.0.255", "an address whole, a network as"),
        ("<local>", "write a host or domain as"),
        ("user:hunter2@vbs.example.com", "write a host or domain as"),
        ("vbs\u2011test.example.com", "write a host or domain as"),
        ("[fd00::/8]/8", "write a network as"),
    ],
)
def test_a_part_of_no_proxy_that_names_no_host_is_told(
    tmp_path: Path, no_proxy: str, cure: str
) -> None:
    variables = clouds_file(tmp_path) | {"HTTPS_PROXY": A, "NO_PROXY": no_proxy}
    [warning] = load_clouds(variables, cwd=tmp_path, home=tmp_path)["otc"].warnings
    assert warning.startswith("NO_PROXY holds ")
    assert cure in warning
    assert "hunter2" not in warning
    del variables["HTTPS_PROXY"]
    assert load_clouds(variables, cwd=tmp_path, home=tmp_path)["otc"].warnings == ()


@pytest.mark.parametrize(
    "no_proxy",
    [
        "*",
        "",
        " localhost , .example.com,",
        "10.0.0.0/8,::1",
        "10.20.30.40:8776,[::1],[fd00::5]:8776,vbs_test.example.com:443,1and1.example,xn--p1ai",
    ],
)
def test_nothing_is_told_of_a_list_that_is_all_understood(tmp_path: Path, no_proxy: str) -> None:
    variables = clouds_file(tmp_path) | {"HTTPS_PROXY": A, "NO_PROXY": no_proxy}
    assert load_clouds(variables, cwd=tmp_path, home=tmp_path)["otc"].warnings == ()
