"""What is accepted as a broker or Redis means the same to Celery, redis-py and `limits`; the rest
is refused in one sentence without a secret.
"""

import ssl
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from kombu import Connection
from limits.storage import RedisStorage
from redis.connection import SSLConnection, parse_url

from backups.vbs.errors import ConfigurationError
from vbsdash import broker_url

CERTIFICATES = Path(__file__).parents[1] / "certificates"
GOOD = CERTIFICATES / "good.pem"
# Each is a word that ends an address too early, or none.
PASSWORDS = [
    "word",
    "x!@#321",
    "p@ss",
    "a:b",
    "a/b",
    "/2",
    "12/34",
    "#321",
    "?x=1",
    "100%",
    "%41",
    "[x]",
    "two words",
    "pässwört",
    "x!@#%/: '\"$",
    "a;redis://b",
    "a&b=c+d",
    "日本",
    "\\",
]


def broker(value: str) -> broker_url.Broker:
    found = broker_url.broker({"CELERY_BROKER_URL": value})
    assert found is not None
    return found


def parsed_by_redis(url: str) -> dict[str, Any]:
    words: dict[str, Any] = parse_url(url)  # type: ignore[no-untyped-call]
    return words


def redis_parts(url: str) -> list[tuple[Any, ...]]:
    """What each reader makes of an address of Redis: host, port, user, password, database."""
    seen = []
    connection = Connection(url)
    database = int((connection.virtual_host or "/").removeprefix("/") or 0)
    port = connection.port or 6379
    seen.append((connection.hostname, port, connection.userid, connection.password, database))
    parsed = parsed_by_redis(url)
    connected = RedisStorage(url).storage.connection_pool.connection_kwargs
    for words in (parsed, connected):
        assert "host" in words, "it would take localhost"
        port = words.get("port", 6379)
        user = words.get("username")
        seen.append((words["host"], port, user, words.get("password"), words.get("db") or 0))
    return seen


@pytest.mark.parametrize("password", PASSWORDS)
def test_every_password_that_is_encoded_reaches_each_reader_of_redis(password: str) -> None:
    url = f"redis://me:{quote(password, safe='')}@broker.example:6380/3"
    meant = ("broker.example", 6380, "me", password, 3)
    assert redis_parts(broker(url).url) == [meant] * 3
    assert broker_url.redis_url({"REDIS_URL": url}) == broker(url).url


@pytest.mark.parametrize(
    ("value", "meant"),
    [
        ("redis://h", ("h", 6379, None, None, 0)),
        ("redis://h/", ("h", 6379, None, None, 0)),
        ("redis://h:1/15", ("h", 1, None, None, 15)),
        ("redis://h/0015", ("h", 6379, None, None, 15)),
        ("redis://h/2147483647", ("h", 6379, None, None, 2147483647)),
        ("REDIS://H.Example/1", ("h.example", 6379, None, None, 1)),
        ("redis://:a:b@h/1", ("h", 6379, None, "a:b", 1)),
        ("redis://:pässwört@h/1", ("h", 6379, None, "pässwört", 1)),
        ("redis://:a\"b{c}|^\\<>`'@h/1", ("h", 6379, None, "a\"b{c}|^\\<>`'", 1)),
        ("redis://:;redis@h/1", ("h", 6379, None, ";redis", 1)),
        ("redis://u%40x:p@[2001:DB8::1]:6379/2", ("2001:db8::1", 6379, "u@x", "p", 2)),
        ("redis://[::1]/2", ("::1", 6379, None, None, 2)),
        (" redis://h/2 \n", ("h", 6379, None, None, 2)),
        ("rediss://:p@h/2", ("h", 6379, None, "p", 2)),
        ("rediss://:p@h:7000/2?ssl_cert_reqs=none", ("h", 7000, None, "p", 2)),
    ],
)
def test_all_readers_of_redis_see_the_same_parts(value: str, meant: tuple[Any, ...]) -> None:
    assert redis_parts(broker(value).url) == [meant] * 3


@pytest.mark.parametrize(
    ("value", "meant"),
    [
        ("amqp://h", ("h", None, None, None, "/")),
        ("amqp://u:p@h:5672//", ("h", 5672, "u", "p", "/")),
        ("amqp://u:p@h:5672/%2F", ("h", 5672, "u", "p", "/")),
        ("amqp://u:p@h:5672/%2f", ("h", 5672, "u", "p", "/")),
        ("amqp://u:p@h:5672/", ("h", 5672, "u", "p", "/")),
        ("amqp://u:p@h/vhost", ("h", None, "u", "p", "vhost")),
        ("amqp://u:p@h//vhost", ("h", None, "u", "p", "/vhost")),
        ("amqp://u:p@h/%2Fvhost", ("h", None, "u", "p", "/vhost")),
        ("amqp://u:p@h/a%2Fb", ("h", None, "u", "p", "a/b")),
        ("amqp://u:p@h/a%3Bb", ("h", None, "u", "p", "a;b")),
        ("AMQP://u:p@H/Team%20A", ("h", None, "u", "p", "Team A")),
        ("amqp://u:p;w@[::1]:5672/v", ("::1", 5672, "u", "p;w", "v")),
        ("amqps://u:p@h/v", ("h", None, "u", "p", "v")),
        *(
            (f"amqp://u:{quote(password, safe='')}@h:1/v", ("h", 1, "u", password, "v"))
            for password in PASSWORDS
        ),
    ],
)
def test_celery_sees_the_parts_of_an_address_of_amqp(value: str, meant: tuple[Any, ...]) -> None:
    seen = Connection(broker(value).url)
    parts = (seen.hostname, seen.port, seen.userid, seen.password, seen.virtual_host)
    assert (parts, seen.alt) == (meant, [])


def test_several_brokers_of_amqp_are_each_judged() -> None:
    url = broker("amqp://u:p@h1//; amqp://u:a%3Bb@h2:5673/v").url
    connection = Connection(url)
    connection.maybe_switch_next()
    assert (connection.hostname, connection.port, connection.password) == ("h2", 5673, "a;b")


@pytest.mark.parametrize("name", broker_url.NOT_SUPPORTED)
def test_another_variable_of_celery_is_refused_by_name(name: str) -> None:
    with pytest.raises(ConfigurationError, match=f"^{name} is not supported: .*[a-zA-Z]\\.$"):
        broker_url.broker({"CELERY_BROKER_URL": "redis://h/0", name: "redis://h/1"})
    assert broker_url.broker({name: ""}) is None


def test_the_broker_in_memory_is_for_tests() -> None:
    assert broker("memory://") == broker_url.Broker("memory://")


REFUSED_ALIKE = [
    ("redis://:x!@#s3cret@HOST/2", "a password with a character that must be encoded"),
    ("redis://:s3cret/x@h/2", "a password with a character that must be encoded"),
    ("redis://:12/s3cret@h/2", "a password with a character that must be encoded"),
    ("redis://u:12/s3cret@h/2", "a password with a character that must be encoded"),
    ("redis://:s3cret@x@h/2", "a password with a character that must be encoded"),
    ("redis://:s3cret?x@h/2", "a password with a character that must be encoded"),
    ("redis://127.0.0.1:6379/vbsdash", "number of a database, which is 0 to 15"),
    ("redis://h/0/", "number of a database"),
    ("redis://h/1/2", "number of a database"),
    ("redis://h//2", "number of a database"),
    ("redis://h/%2F2", "number of a database"),
    ("redis://h/-1", "number of a database"),
    ("redis://h/ 2", "a blank"),
    ("redis://h/%202", "number of a database"),
    ("redis://h/+2", "number of a database"),
    ("redis://h/２", "number of a database"),
    ("redis://h/0x1", "number of a database"),
    ("redis://h/2147483648", "number of a database"),
    ("redis://h/9999999999", "number of a database"),
    (f"redis://h/{'9' * 5000}", "number of a database"),
    ("redis://h/db0", "number of a database"),
    ("redis://s3cret@h/0", "a user and no password; a password alone follows a colon"),
    ("redis://u:@h/0", "an empty password"),
    ("redis:///2", "names no host"),
    ("redis://h:port", "no port from 1 to 65535"),
    ("redis://h/0?db=2", "the option db: write the database as in redis://"),
    ("redis://h/0?socket_timeout=5", "the option socket_timeout, which is not supported"),
    ("redis://h/0?ssl_cert_reqs=none", "ssl_cert_reqs, which is about TLS: write rediss://"),
    ("redis://h/0?ssl=true", "the option ssl, which is about TLS: write rediss://"),
    ("rediss://h/0?ssl_cert_reqs=never", "ssl_cert_reqs that is not required, optional or none"),
    ("rediss://h/0?ssl_cert_reqs=", "not written as ?name=value"),
    ("rediss://h/0?ssl_check_hostname=maybe", "neither true nor false"),
    ("rediss://h/0?ssl_ca_data=x", "the option ssl_ca_data, which is not supported: write ssl_"),
    ("rediss://h/0?verify=none", "the option verify, which is not supported"),
    ("rediss://h/0?SSL_CERT_REQS=none", "the option SSL_CERT_REQS, which is not supported"),
    ("rediss://h/0?ssl_ca_certs=/nowhere/ca.pem", "ssl_ca_certs which is no readable file"),
    ("rediss://h/0?ssl_ca_certs=ca.pem", "ssl_ca_certs which is no absolute path"),
    (f"rediss://h/0?ssl_ca_certs={__file__}", "ssl_ca_certs which is no readable file"),
    (f"rediss://h/0?ssl_keyfile={GOOD}", "an ssl_keyfile and no ssl_certfile"),
    (f"rediss://h/0?ssl_certfile={__file__}", "no certificate with its key"),
    ("redis+socket:///run/redis.sock", "must begin with one of redis://, rediss://"),
    ("unix:///run/redis.sock", "must begin"),
    ("sentinel://h:26379/0", "must begin"),
    ("valkey://h/0", "must begin"),
    ("sqs://h", "must begin"),
    ("localhost:6379", "must begin"),
    ("  ", "must begin"),
    ("'redis://h/0'", "in quotes"),
]


@pytest.mark.parametrize(("value", "words"), REFUSED_ALIKE)
@pytest.mark.parametrize("name", ["CELERY_BROKER_URL", "REDIS_URL"])
def test_what_is_refused_is_named_with_a_cure_and_no_secret(
    name: str, value: str, words: str
) -> None:
    read = broker_url.broker if name == "CELERY_BROKER_URL" else broker_url.redis_url
    with pytest.raises(ConfigurationError) as refused:
        read({name: value})
    sentence = str(refused.value)
    assert (words in sentence, sentence.startswith(f"{name} ")) == (True, True), sentence
    assert (sentence.count("\n"), sentence.endswith("."), "s3cret" in sentence) == (0, True, False)


@pytest.mark.parametrize(
    ("value", "words"),
    [
        ("amqp://s3cret@h//", "a user or a password, not both"),
        ("amqp://:s3cret@h//", "a user or a password, not both"),
        ("amqp://u:@h//", "an empty password"),
        ("amqp://u:p@h/v/", "a / or ; in the name of its virtual host"),
        ("amqp://u:p@h/a/b", "a / or ; in the name of its virtual host"),
        ("amqp://u:p@h///", "a / or ; in the name of its virtual host"),
        ("amqp://u:s3cret/x@h/v", "a password with a character that must be encoded"),
        ("amqp://u:s3cret#@h/v", "a password with a character that must be encoded"),
        ("amqp:///v", "names no host"),
        ("amqp://", "names no host: write amqp://USER:PASSWORD@HOST:5672/VHOST"),
        ("amqp://h1,h2//", "names several hosts"),
        ("amqp://u:p@h1;h2//", "a host that can be none"),
        ("amqp://u:p@h//;", "a / or ; in the name"),
        ("amqp://u:p@h1//;amqp://h2:x//", "no port"),
        ("redis://h1/0;redis://h2/0", "several brokers, which only amqp:// can be"),
        ("amqps://h1//;amqps://h2//", "several brokers, which only amqp:// can be"),
        ("amqp://h1//;redis://h2/0", "several brokers, which only amqp:// can be"),
        ("amqp://h//?heartbeat=30", "the option heartbeat, which is not supported: leave it out"),
        ("amqp://h//?ssl_cert_reqs=none", "about TLS: write amqps://"),
        ("amqps://h//?verify=verify_none", "the option verify, which is not supported"),
        ("amqps://h//?cert_reqs=none", "the option cert_reqs, which is not supported"),
        ("pyamqp://h//", "must begin with one of redis://, rediss://, amqp://, amqps://"),
        ("memory://x", "must begin"),
    ],
)
def test_a_broker_of_amqp_is_refused_alike(value: str, words: str) -> None:
    with pytest.raises(ConfigurationError) as refused:
        broker(value)
    sentence = str(refused.value)
    assert words in sentence
    assert ("s3cret" in sentence, sentence.count("\n")) == (False, 0)


@pytest.mark.parametrize(
    ("query", "check", "checks_name"),
    [
        ("", ssl.CERT_REQUIRED, True),
        ("?ssl_cert_reqs=required", ssl.CERT_REQUIRED, True),
        ("?ssl_cert_reqs=CERT_REQUIRED", ssl.CERT_REQUIRED, True),
        ("?ssl_cert_reqs=cert_required", ssl.CERT_REQUIRED, True),
        ("?ssl_cert_reqs=optional", ssl.CERT_OPTIONAL, True),
        ("?ssl_cert_reqs=none", ssl.CERT_NONE, False),
        ("?ssl_cert_reqs=CERT_NONE", ssl.CERT_NONE, False),
        ("?ssl_cert_reqs=None", ssl.CERT_NONE, False),
        ("?ssl_cert_reqs=none&ssl_check_hostname=true", ssl.CERT_NONE, False),
        ("?ssl_check_hostname=false", ssl.CERT_REQUIRED, False),
        ("?ssl_check_hostname=False", ssl.CERT_REQUIRED, False),
        ("?ssl_check_hostname=0", ssl.CERT_REQUIRED, False),
        ("?ssl_check_hostname=no", ssl.CERT_REQUIRED, False),
        ("?ssl_check_hostname=1", ssl.CERT_REQUIRED, True),
    ],
)
def test_options_of_tls_mean_the_same_to_each(
    query: str, check: ssl.VerifyMode, checks_name: bool
) -> None:
    files = f"ssl_ca_certs={GOOD}&ssl_certfile={GOOD}&ssl_keyfile={GOOD}"
    query = f"{query}&{files}" if query else f"?{files}"
    url = broker(f"rediss://h/0{query}").url
    celery: Any = Connection(url).ssl
    limits_words = RedisStorage(url).storage.connection_pool.connection_kwargs
    redis_words = {name: value for name, value in parsed_by_redis(url).items() if name != "db"}
    redis_words.pop("connection_class")
    redis_words.pop("host")
    limits_words = {name: limits_words[name] for name in redis_words}
    for words in (celery, redis_words, limits_words):
        connection = SSLConnection(host="h", **words)
        assert (connection.cert_reqs, connection.check_hostname) == (check, checks_name)
        files_used = (connection.ca_certs, connection.certfile, connection.keyfile)
        assert files_used == (str(GOOD),) * 3
    use_ssl = broker(f"amqps://h//{query}").use_ssl
    expected = {"cert_reqs": check, "ca_certs": str(GOOD)}
    expected |= {"certfile": str(GOOD), "keyfile": str(GOOD)}
    if checks_name:
        expected["server_hostname"] = "h"
    assert use_ssl == expected
