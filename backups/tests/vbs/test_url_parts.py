"""An address is taken apart into what its operator meant, or refused without a word of it."""

from urllib.parse import quote

import pytest

from backups.vbs.url_parts import UrlParts, WrongUrl, refuse_unknown_options, take_apart

SCHEMES = ("redis", "rediss")
EXAMPLE = "redis://:PASSWORD@HOST:6379/0"


def parts_of(value: str, *, by_libpq: bool = False) -> UrlParts:
    return take_apart(value, schemes=SCHEMES, example=EXAMPLE, by_libpq=by_libpq)


def refusal(value: str) -> str:
    with pytest.raises(WrongUrl) as refused:
        parts_of(value)
    return str(refused.value)


@pytest.mark.parametrize(
    ("value", "user", "password", "host", "port", "path"),
    [
        ("redis://h", None, None, "h", None, ""),
        ("redis://h/", None, None, "h", None, ""),
        ("redis://h:6379/2", None, None, "h", 6379, "2"),
        ("REDIS://Broker.Example:1/0", None, None, "broker.example", 1, "0"),
        ("redis://my_broker/0", None, None, "my_broker", None, "0"),
        ("redis://broker.example./0", None, None, "broker.example.", None, "0"),
        ("redis://10.0.0.1:65535", None, None, "10.0.0.1", 65535, ""),
        ("redis://[::1]", None, None, "::1", None, ""),
        ("redis://u:p@[2001:DB8::1]:6379/2", "u", "p", "2001:db8::1", 6379, "2"),
        ("redis://u@h", "u", None, "h", None, ""),
        ("redis://:p@h", None, "p", "h", None, ""),
        ("redis://u:a:b:c@h", "u", "a:b:c", "h", None, ""),
        ("redis://u:p%40%3A%2F%23%3F%25%5B%5D%20@h", "u", "p@:/#?%[] ", "h", None, ""),
        ("redis://u:pässwört@h", "u", "pässwört", "h", None, ""),
        ("redis://u:p%C3%A4ss@h", "u", "päss", "h", None, ""),
        ("redis://us%40corp:p@h", "us@corp", "p", "h", None, ""),
        ("redis://:a\"b{c}|d^e\\f<g>`h'i~@h", None, "a\"b{c}|d^e\\f<g>`h'i~", "h", None, ""),
        ("redis://:a+b&c=d;e,f$g!h*i(j)k@h", None, "a+b&c=d;e,f$g!h*i(j)k", "h", None, ""),
        ("redis://:%2541@h", None, "%41", "h", None, ""),
        ("  redis://h/1\n", None, None, "h", None, "1"),
        ("redis://h//v", None, None, "h", None, "/v"),
        ("redis://h/%2Fv%20w", None, None, "h", None, "/v w"),
    ],
)
def test_an_address_has_the_parts_that_were_meant(
    value: str, user: str | None, password: str | None, host: str, port: int | None, path: str
) -> None:
    parts = parts_of(value)
    assert (parts.user, parts.password, parts.host, parts.port, parts.path) == (
        user,
        password,
        host,
        port,
        path,
    )
    # Written anew it is the same address, by these rules.
    assert parts_of(parts.url()) == parts_of(value)
    assert "password" not in repr(parts)


def test_options_are_decoded_and_written_anew() -> None:
    parts = parts_of("rediss://h/0?ssl_ca_certs=/etc/my%20ca.pem&ssl_cert_reqs=none")
    assert parts.options == {"ssl_ca_certs": "/etc/my ca.pem", "ssl_cert_reqs": "none"}
    assert parts.url() == "rediss://h/0?ssl_ca_certs=/etc/my%20ca.pem&ssl_cert_reqs=none"
    assert parts.url(with_options=False) == "rediss://h/0"


@pytest.mark.parametrize(
    "value",
    ["redis:///0", "redis://%2Frun%2FMy%20Folder/0", "redis://u@/x", "redis://u:p@%2Frun:1/x"],
)
def test_the_folder_of_a_socket_is_a_host_where_sockets_are(value: str) -> None:
    parts = parts_of(value, by_libpq=True)
    assert parts.host in ("", "/run/My Folder", "/run")
    assert parts_of(parts.url(), by_libpq=True) == parts
    refusal(value)


@pytest.mark.parametrize("character", [*"@/#?[]% \t\n\N{NO-BREAK SPACE}"])
@pytest.mark.parametrize(
    "form",
    [
        "redis://:{}@broker.example:6379/2",
        "redis://:{}@10.0.0.1/2",
        "redis://me:{}@[::1]:6379/2",
        "redis://{}@broker.example/2",
        "rediss://{}:word@broker.example",
        "redis://:{}@broker.example/2?ssl_cert_reqs=none",
    ],
)
@pytest.mark.parametrize("place", ["{}word321", "321{}word", "321word{}", "1{0}x{0}word"])
def test_a_character_that_must_be_encoded_is_said_and_its_code_is_taken(
    character: str, form: str, place: str
) -> None:
    """In whichever part it lands: a password `321/x` makes a port, `#321` a host that is empty."""
    secret = place.format(character)
    sentence = refusal(form.format(secret))
    assert ("%40" in sentence, "word" in sentence.replace("password", "")) == (True, False)
    assert "321" not in sentence
    if character.isprintable():
        parts = parts_of(form.format(quote(secret, safe="")))
        assert secret in (parts.user, parts.password)


@pytest.mark.parametrize(
    ("value", "words"),
    [
        ("", "must begin with one of redis://, rediss://"),
        ("localhost:6379", "must begin with one of redis://"),
        ("redis:/h/0", "must begin"),
        ("redis:h", "must begin"),
        ("redis//h", "must begin"),
        ("//h/0", "must begin"),
        ("redis+socket:///run/redis.sock", "must begin"),
        ("unix:///run/redis.sock", "must begin"),
        ("sentinel://h:26379/0", "must begin"),
        ("redis-cluster://h/0", "must begin"),
        ("valkey://h/0", "must begin"),
        ("redis://", "names no host: write redis://:PASSWORD@HOST"),
        ("redis:///2", "names no host"),
        ("redis://:6379/2", "names no host"),
        ("redis://:s3cret@/2", "names no host"),
        ("redis://h:", "no port from 1 to 65535"),
        ("redis://h:/2", "no port from 1 to 65535"),
        ("redis://HOST:port/2", "no port"),
        ("redis://h:0/2", "no port"),
        ("redis://h:65536/2", "no port"),
        ("redis://h:-1/2", "no port"),
        ("redis://h:+1/2", "no port"),
        ("redis://h:６３７９/2", "no port"),
        ("redis://h:6379x", "no port"),
        ("redis://user:s3cret", "no port"),
        ("redis://::1:6379/0", "an IPv6 address stands in brackets"),
        ("redis://2001:db8::1/0", "an IPv6 address stands in brackets"),
        ("redis://h:1:2/0", "several colons"),
        ("redis://[::1", "a host that can be none"),
        ("redis://::1]/0", "several colons"),
        ("redis://[]/0", "a host that can be none"),
        ("redis://[h]/0", "a host that can be none"),
        ("redis://[1.2.3.4]/0", "a host that can be none"),
        ("redis://[::1]6379/0", "a host that can be none"),
        ("redis://[fe80::1%25eth0]/0", "a host that can be none"),
        ("redis://[::1]:/0", "no port"),
        ("redis://10.0.0.256/0", "a host that can be none"),
        ("redis://10.0.0/0", "a host that can be none"),
        ("redis://a..b/0", "a host that can be none"),
        ("redis://-h/0", "a host that can be none"),
        (f"redis://{'a' * 64}/0", "a host that can be none"),
        (f"redis://{'a.' * 130}b/0", "a host that can be none"),
        ("redis://a,b/0", "names several hosts, which is not supported: write one"),
        ("redis://:s3cret@h1:6379,h2:6379/0", "names several hosts"),
        ("redis-cli -u redis://:s3cret@h/0", "must begin"),
        ("redis://:$(cat s3cret)@h/0", "a ${NAME} or the like that nothing has"),
        ("redis://:{{ s3cret }}@h/0", "a ${NAME} or the like that nothing has"),
        ("redis://h1;redis://h2", "no port"),
        ("redis://h%2Fx/0", "a host that can be none"),
        ("redis://münchen.example/0", "letters other than a to z: write its name in DNS, as xn--"),
        ("redis://例え.example", "letters other than a to z: write its name in DNS, as xn--"),
        ("redis://${REDIS_HOST}/0", "a ${NAME} or the like that nothing has"),
        ("redis://<host>:6379/0", "a host that can be none"),
        ("redis://:@h/0", "an empty password"),
        ("redis://default:@h/0", "an empty password"),
        ("redis://@h/0", "neither user nor password"),
        ("redis://:s3cret%zz@h/0", "a % that begins no code"),
        ("redis://:s3cret100%@h/0", "a % that begins no code"),
        ("redis://:s3cret%2@h/0", "a % that begins no code"),
        ("redis://h/%", "a % that begins no code"),
        ("redis://:s3cret%E4@h/0", "no UTF-8"),
        ("redis://:s3cret%0A@h/0", "another control character"),
        ("redis://:s3cret%00@h/0", "another control character"),
        ("redis://:s3cret\udce4@h/0", "a blank, a line end or an invisible character"),
        ("redis://:s3cret\N{ZERO WIDTH SPACE}@h/0", "an invisible character"),
        ("'redis://:s3cret@h/0'", "stands in quotes"),
        ('"redis://:s3cret@h/0"', "stands in quotes"),
        ("redis://:s3cret@h/0'", "stands in quotes"),
        ("“redis://:s3cret@h/0”", "stands in quotes"),
        ("redis://h/0#", "a # which begins no part"),
        ("redis://h/0#x", "a # which begins no part"),
        ("redis://h/0?", None),
        ("redis://h/0?x", "not written as ?name=value"),
        ("redis://h/0?x=", "not written as ?name=value"),
        ("redis://h/0?=x", "not written as ?name=value"),
        ("redis://h/0?x=1&&y=2", "not written as ?name=value"),
        ("redis://h/0?x=1&x=2", "the option x twice"),
        ("redis://h/0?x=a+b", "a + in its options"),
        ("redis://h/0?s3cr?et=1", "not written as ?name=value"),
    ],
)
def test_what_parsers_read_differently_is_refused_without_quoting_it(
    value: str, words: str | None
) -> None:
    if words is None:
        assert parts_of(value).options == {}
        return
    sentence = refusal(value)
    assert words in sentence
    # What to encode in a password is of no use where there is none.
    assert "@" in value or "%40" not in sentence
    assert ("s3cret" in sentence, sentence.endswith("."), "\n" in sentence) == (False,) * 3


def test_an_option_that_is_not_supported_is_named() -> None:
    parts = parts_of("redis://h/0?timeout=1")
    with pytest.raises(WrongUrl, match=r"timeout, .* write ssl_cert_reqs, or leave it out"):
        refuse_unknown_options(parts, ["ssl_cert_reqs"])
    with pytest.raises(WrongUrl, match=r"the option timeout, .*: leave it out"):
        refuse_unknown_options(parts, [])
    refuse_unknown_options(parts, ["timeout"])
