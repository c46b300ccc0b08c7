"""What openstacksdk makes of a clouds.yaml, beside what is made of it: the same, or a sentence.

The SDK is the measure of what the keys of the shared file mean; it is no part of the product.
"""

import os
import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from openstack.config import OpenStackConfig

from backups.vbs.cloud_config import CloudConfig
from backups.vbs.clouds import load_clouds
from backups.vbs.errors import ConfigurationError
from backups.vbs.plugin import load_plugin

CERTIFICATES = Path(__file__).parents[1] / "certificates"
CA = str(CERTIFICATES / "good.pem")
CLIENT = str(CERTIFICATES / "client.pem")
CLIENT_CERT = str(CERTIFICATES / "client.crt")
CLIENT_KEY = str(CERTIFICATES / "client.key")
IAM = "https://iam.example/v3"
AUTH = f"""
    auth:
      auth_url: {IAM}
      username: reader
      password: "00123"
      project_name: eu-de
      user_domain_name: D1
      project_domain_name: D1
"""
ENVVARS = {
    "OS_AUTH_URL": IAM,
    "OS_USERNAME": "reader",
    "OS_PASSWORD": "00123",
    "OS_PROJECT_NAME": "eu-de",
    "OS_USER_DOMAIN_NAME": "D1",
    "OS_PROJECT_DOMAIN_NAME": "D1",
}


@dataclass(frozen=True)
class Meaning:
    """What both make of an entry. A user or a domain is an ID or a name; the ID counts."""

    kind: str
    auth_url: str
    user: str | None
    user_domain: str | None
    project: str | None
    project_domain: str | None
    secret: str | None
    region: str | None
    interfaces: tuple[str, ...]
    verify: bool | str | None
    cert: Any
    volume_endpoint: str | None
    volume_interfaces: tuple[str, ...]
    volume_region: str | None
    volume_version: str | None


def entry(more: str = "", auth: str = AUTH) -> str:
    """A file with one cloud, whose keys beside `auth` are `more`, one a line."""
    lines = "".join(f"    {line}\n" for line in more.splitlines())
    return f"clouds:\n  otc:{auth}{lines}"


def auth(**keys: str) -> str:
    """A file with one cloud of which `keys` are added to `auth`, or taken out of it (empty)."""
    values = {
        "auth_url": IAM,
        "username": "reader",
        "password": '"00123"',
        "project_name": "eu-de",
        "user_domain_name": "D1",
        "project_domain_name": "D1",
    } | keys
    lines = "".join(f"      {key}: {value}\n" for key, value in values.items() if value)
    return f"clouds:\n  otc:\n    auth:\n{lines}"


# Each case: a file, and more files or variables.
SAME: dict[str, str | tuple[str, Mapping[str, str]]] = {
    "a plain entry": entry(),
    "a region": entry("region_name: eu-de"),
    "a list of one region": entry("region_name: [eu-de]"),
    "interface": entry("interface: internal"),
    "interface as catalogs of version 2 wrote it": entry("interface: internalURL"),
    "endpoint_type": entry("endpoint_type: adminURL"),
    "endpoint_type without URL": entry("endpoint_type: internal"),
    "interface and endpoint_type that agree": entry("interface: admin\nendpoint_type: adminURL"),
    "a list of interfaces": entry("interface: [internal, public]"),
    "a list of interfaces, one a line": entry("interface:\n- admin\n- internalURL"),
    "verify: false": entry("verify: false"),
    "verify: no": entry("verify: no"),
    "verify: true": entry("verify: true"),
    "insecure": entry("insecure: true"),
    "insecure as a text": entry('insecure: "True"'),
    "insecure: false": entry("insecure: false"),
    "insecure before verify": entry("insecure: true\nverify: true"),
    "verify: false before insecure: false": entry("insecure: false\nverify: false"),
    "cacert": entry(f"cacert: {CA}"),
    "cacert that is not used": entry(f"cacert: {CA}\nverify: false"),
    "a client certificate": entry(f"cert: {CLIENT}"),
    "a client certificate and its key": entry(f"cert: {CLIENT_CERT}\nkey: {CLIENT_KEY}"),
    "a client certificate, not verifying": entry(f"insecure: yes\ncert: {CLIENT}"),
    "volume_endpoint_override": entry("volume_endpoint_override: https://evs.example/v2"),
    "block_storage_endpoint_override": entry(
        "block_storage_endpoint_override: https://evs.example/v3"
    ),
    "volumev3_endpoint_override": entry("volumev3_endpoint_override: https://evs.example/v3"),
    "volumev2_endpoint": entry("volumev2_endpoint: https://evs.example/v2"),
    "an override with the region in it": entry(
        "region_name: eu-de\nvolume_endpoint_override: https://evs.{region_name}.example/v2"
    ),
    "volume_interface": entry("interface: public\nvolume_interface: internal"),
    "block_storage_interface": entry("block_storage_interface: [admin, internal]"),
    "volumev3_endpoint_type": entry("volumev3_endpoint_type: internalURL"),
    "volume_region_name": entry("region_name: eu-de\nvolume_region_name: eu-nl"),
    "volume_api_version": entry("volume_api_version: 3"),
    "block_storage_api_version as a text": entry('block_storage_api_version: "2"'),
    "identity_api_version": entry("identity_api_version: 3"),
    "keys of other services": entry(
        "compute_api_version: 2.79\nimage_endpoint_override: https://img.example\n"
        "networks:\n- name: n\nfloating_ip_source: None\nobject_store_interface: internal"
    ),
    "a user's ID beside its name": auth(user_id="u1", user_domain_name=""),
    "keys beside auth": f"""
clouds:
  otc:
    auth_url: {IAM}
    username: reader
    password: "00123"
    project_name: eu-de
    user_domain_name: D1
    project_domain_name: D1
""",
    "some keys beside auth": entry("region_name: eu-de\nusername: reader"),
    "keys with hyphens": f"""
clouds:
  otc:
    region-name: eu-de
    auth:
      auth_url: {IAM}
      username: reader
      password: "00123"
      project-name: eu-de
      user-domain-name: D1
      project-domain-name: D1
""",
    "the address with the region in it": auth(auth_url='"https://iam.{region_name}.example/v3"')
    + "    region_name: eu-nl\n",
    "a project by its ID": auth(
        project_name="", project_domain_name="", project_id="b23b579f08c84228b9b4673c46f0c442"
    ),
    "a tenant": auth(project_name="", tenant_name="eu-de"),
    "a tenant by its ID": auth(
        project_name="", project_domain_name="", tenant_id="b23b579f08c84228b9b4673c46f0c442"
    ),
    "a tenant and a project that agree": auth(tenant_name="eu-de"),
    "domains by their IDs": auth(
        user_domain_name="", project_domain_name="", user_domain_id="d1", project_domain_id="d2"
    ),
    "one domain for user and project": auth(
        user_domain_name="", project_domain_name="", domain_name="D2"
    ),
    "one domain by its ID": auth(user_domain_name="", project_domain_name="", domain_id="d2"),
    "one domain beside auth": auth(user_domain_name="", project_domain_name="")
    + "    domain_name: D2\n",
    "a user by an ID": auth(username="", user_domain_name="", user_id="u1"),
    "user_name": auth(username="", user_name="reader"),
    "a password with blanks and dollars": auth(password='" $pass {word} "'),
    "an application credential": f"""
clouds:
  otc:
    auth_type: v3applicationcredential
    auth:
      auth_url: {IAM}
      application_credential_id: a1
      application_credential_secret: s1
""",
    "a token": f"""
clouds:
  otc:
    auth_type: token
    auth:
      auth_url: {IAM}
      token: t1
      project_id: b23b579f08c84228b9b4673c46f0c442
""",
    "v3password": entry("auth_type: v3password"),
    "v3token": f"""
clouds:
  otc:
    auth_type: v3token
    auth: {{auth_url: "{IAM}", token: t1, project_id: b23b579f08c84228b9b4673c46f0c442}}
""",
    "anchors and merge keys": f"""
x-common: &common
  region_name: eu-de
  interface: internal
clouds:
  otc:
    <<: *common
    interface: public{AUTH}
""",
    "two merge keys": f"""
x-a: &a {{region_name: eu-de}}
x-b: &b {{region_name: eu-nl, interface: admin}}
clouds:
  otc:
    <<: [*a, *b]{AUTH}
""",
    "flow style": 'clouds: {otc: {region_name: "no", auth: {auth_url: "https://iam.example/v3", '
    'username: reader, password: "00123", project_name: eu-de, user_domain_id: default, '
    "project_domain_id: default}}}",
    "a mark at the beginning, as Windows writes it": "\ufeff" + entry("region_name: eu-de"),
    "line ends of Windows": entry("region_name: eu-de").replace("\n", "\r\n"),
    "null where nothing is set": entry("cacert: null\ncert: null\nkey: ~"),
    "other sections": entry() + "client:\n  force_ipv4: true\ncache:\n  auth: true\n",
    "secure.yaml beside it": (
        auth(password=""),
        {"secure.yaml": 'clouds:\n  otc:\n    auth:\n      password: "00123"\n'},
    ),
    "secure.yaml comes first": (
        auth(password="wrong"),
        {"secure.yaml": 'clouds: {otc: {auth: {password: "00123"}, region_name: eu-nl}}'},
    ),
    "secure.yml": (
        auth(password=""),
        {"secure.yml": 'clouds:\n  otc:\n    auth:\n      password: "00123"\n'},
    ),
    "a file that OS_CLIENT_SECURE_FILE names": (
        auth(password=""),
        {
            "elsewhere.yaml": 'clouds: {otc: {auth: {password: "00123"}}}',
            "OS_CLIENT_SECURE_FILE": "elsewhere.yaml",
        },
    ),
    "the whole cloud in secure.yaml": ("", {"secure.yaml": entry("region_name: eu-de")}),
    "as DevStack writes it": """
clouds:
  devstack:
    auth:
      auth_url: http://10.0.0.1/identity
      password: secret
      project_domain_id: default
      project_name: demo
      user_domain_id: default
      username: demo
    identity_api_version: '3'
    region_name: RegionOne
    volume_api_version: '3'
""",
    "as Kolla writes it": (
        """
clouds:
  kolla-admin:
    auth: &auth
      auth_url: http://10.0.0.1:5000
      project_domain_name: Default
      user_domain_name: Default
      project_name: admin
      username: admin
      password: abcdEFGH1234
    region_name: RegionOne
    cacert:
  kolla-admin-internal:
    auth: *auth
    interface: internal
    region_name: RegionOne
""",
        {"OS_CLOUD": "kolla-admin-internal"},
    ),
    "the variables of Horizon": (
        "",
        {
            **ENVVARS,
            "OS_PROJECT_ID": "b23b579f08c84228b9b4673c46f0c442",
            "OS_REGION_NAME": "RegionOne",
            "OS_INTERFACE": "public",
            "OS_IDENTITY_API_VERSION": "3",
        },
    ),
    "the variables of an application credential": (
        "",
        {
            "OS_AUTH_TYPE": "v3applicationcredential",
            "OS_AUTH_URL": IAM,
            "OS_IDENTITY_API_VERSION": "3",
            "OS_INTERFACE": "public",
            "OS_APPLICATION_CREDENTIAL_ID": "a1",
            "OS_APPLICATION_CREDENTIAL_SECRET": "s1",
        },
    ),
    "variables": ("", {**ENVVARS, "OS_REGION_NAME": "eu-de"}),
    "variables of the older names": (
        "",
        {
            **{name: value for name, value in ENVVARS.items() if name != "OS_PROJECT_NAME"},
            "OS_TENANT_NAME": "eu-de",
        },
    ),
    "OS_ENDPOINT_TYPE": ("", {**ENVVARS, "OS_ENDPOINT_TYPE": "internalURL"}),
    "OS_INTERFACE and OS_ENDPOINT_TYPE that agree": (
        "",
        {**ENVVARS, "OS_INTERFACE": "public", "OS_ENDPOINT_TYPE": "publicURL"},
    ),
    "OS_INSECURE": ("", {**ENVVARS, "OS_INSECURE": "true"}),
    "OS_INSECURE=false": ("", {**ENVVARS, "OS_INSECURE": "False"}),
    "OS_CACERT": ("", {**ENVVARS, "OS_CACERT": CA}),
    "OS_CERT and OS_KEY": ("", {**ENVVARS, "OS_CERT": CLIENT_CERT, "OS_KEY": CLIENT_KEY}),
    "OS_VOLUME_API_VERSION and others": (
        "",
        {
            **ENVVARS,
            "OS_VOLUME_API_VERSION": "3",
            "OS_IDENTITY_API_VERSION": "3",
            "OS_COMPUTE_API_VERSION": "2.1",
        },
    ),
    "OS_BLOCK_STORAGE_ENDPOINT_OVERRIDE": (
        "",
        {**ENVVARS, "OS_BLOCK_STORAGE_ENDPOINT_OVERRIDE": "https://evs.example/v3"},
    ),
    "OS_CLOUD_NAME": ("", {**ENVVARS, "OS_CLOUD_NAME": "mine"}),
    "OS_CLOUD chooses, beside variables": (
        entry("region_name: eu-de"),
        {**ENVVARS, "OS_USERNAME": "other", "OS_CLOUD": "otc"},
    ),
    "OS_CLOUD chooses the variables": (
        entry("region_name: eu-de"),
        {**ENVVARS, "OS_USERNAME": "other", "OS_CLOUD": "envvars"},
    ),
}


@pytest.fixture(autouse=True)
def empty_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in list(os.environ):
        if name.startswith(("OS_", "XDG_")) or name == "HOME":
            monkeypatch.delenv(name)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.chdir(tmp_path)


def write(case: str | tuple[str, Mapping[str, str]], folder: Path) -> dict[str, str]:
    """Writes the files of a case; returns its variables."""
    clouds, more = case if isinstance(case, tuple) else (case, {})
    if clouds:
        (folder / "clouds.yaml").write_text(clouds, encoding="utf-8", newline="")
    variables: dict[str, str] = {}
    for name, value in more.items():
        if name.startswith("OS_"):
            variables[name] = value
        else:
            (folder / name).write_text(value)
    return variables


def ours(variables: Mapping[str, str], folder: Path) -> Meaning:
    clouds = load_clouds(variables, cwd=folder, home=folder / "home")
    (config,) = clouds.values()
    plugin: Any = load_plugin(config.auth_type, config.auth)
    method = plugin.auth_methods[0]
    volume_types = config.block_storage.types
    return Meaning(
        kind=_kind(config),
        auth_url=_address(plugin.auth_url),
        user=getattr(method, "user_id", None) or getattr(method, "username", None),
        user_domain=getattr(method, "user_domain_id", None)
        or getattr(method, "user_domain_name", None),
        project=plugin.project_id or plugin.project_name,
        project_domain=None
        if plugin.project_id
        else plugin.project_domain_id or plugin.project_domain_name,
        secret=_secret(method, ""),
        region=config.region,
        interfaces=config.interfaces,
        verify=config.verify,
        cert=config.cert,
        volume_endpoint=config.volume_endpoint_override,
        volume_interfaces=config.interfaces_of("volumev3"),
        volume_region=config.region_of("volumev3"),
        volume_version=None if volume_types is None else volume_types[0][7:8],
    )


def theirs(variables: Mapping[str, str], folder: Path, patch: pytest.MonkeyPatch) -> Meaning:
    for name, value in variables.items():
        patch.setenv(name, value)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        suffixes = (".yaml", ".yml", ".json")
        config = OpenStackConfig(
            config_files=[str(folder / f"clouds{suffix}") for suffix in suffixes],
            secure_files=[str(folder / f"secure{suffix}") for suffix in suffixes],
            vendor_files=[],
        )
        region = config.get_one()
        plugin: Any = region.get_auth()
        verify, cert = region.get_requests_verify_args()
        v3 = plugin.auth_methods[0] if hasattr(plugin, "auth_methods") else plugin
        generic = "" if hasattr(plugin, "auth_methods") else "_"

        def get(owner: Any, key: str) -> Any:
            return getattr(owner, f"{generic}{key}", None)

        def domain(owner: Any, kind: str) -> Any:
            return get(owner, f"{kind}_domain_id") or get(owner, f"{kind}_domain_name")

        project_id = get(plugin, "project_id")
        return Meaning(
            kind=str(region.config["auth_type"]).removeprefix("v3"),
            auth_url=_address(plugin.auth_url),
            user=get(v3, "user_id") or get(v3, "username"),
            user_domain=domain(v3, "user"),
            project=project_id or get(plugin, "project_name"),
            project_domain=None if project_id else domain(plugin, "project"),
            secret=_secret(v3, generic),
            region=region.get_region_name() or None,
            interfaces=_interfaces(region.get_interface()),
            verify=verify,
            cert=cert,
            volume_endpoint=region.get_endpoint("block-storage"),
            volume_interfaces=_interfaces(region.get_interface("block-storage")),
            volume_region=region.get_region_name("block-storage") or None,
            volume_version=region.get_api_version("block-storage"),
        )


def _address(url: str) -> str:
    """The SDK asks an address for its versions; here it is version 3 at once."""
    return url.rstrip("/").removesuffix("/v3")


def _kind(config: CloudConfig) -> str:
    return config.auth_type.removeprefix("v3")


def _secret(method: Any, prefix: str) -> str | None:
    for key in ("password", "token", "application_credential_secret"):
        value = getattr(method, f"{prefix}{key}", None)
        if value is not None:
            return str(value)
    return None


def _interfaces(value: Any) -> tuple[str, ...]:
    names = value if isinstance(value, list) else [value]
    return tuple(name.removesuffix("URL") for name in names)


@pytest.mark.parametrize("name", SAME)
def test_it_means_the_same(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    variables = write(SAME[name], tmp_path)
    assert ours(variables, tmp_path) == theirs(variables, tmp_path, monkeypatch)


NUMBER = "put the value in quotes, YAML takes it for a number"
TRUTH = "put the value in quotes, YAML takes yes, no, on, off, true and false"
WITHOUT_USER = "auth_type is missing: {0} is a key of {1}, write auth_type: {1} beside auth"
# Each case: a file (with more files or variables), and what its sentence says.
REFUSED: dict[str, tuple[str | tuple[str, Mapping[str, str]], str]] = {
    # What YAML takes for something else
    "region_name: no": (entry("region_name: no"), f"region_name is no text: {TRUTH}"),
    "region_name: 1": (entry("region_name: 1"), f"region_name is no text: {NUMBER}"),
    "region_name: 1.5": (entry("region_name: 1.5"), f"region_name is no text: {NUMBER}"),
    "region_name: a date": (entry("region_name: 2026-11-29"), "YAML takes it for a date"),
    "region_name: a mapping": (entry("region_name: {name: eu-de}"), "write one value, no mapping"),
    "username: 007": (auth(username="007"), f"username in auth is no text: {NUMBER}"),
    "username: yes": (auth(username="yes"), f"username in auth is no text: {TRUTH}"),
    "password: 123456": (auth(password="123456"), f"password in auth is no text: {NUMBER}"),
    "password: 0x1F": (auth(password="0x1F"), f"password in auth is no text: {NUMBER}"),
    "password: 1_000": (auth(password="1_000"), f"password in auth is no text: {NUMBER}"),
    "password: 12:30:45": (auth(password="12:30:45"), f"password in auth is no text: {NUMBER}"),
    "password: 1.0e+5": (auth(password="1.0e+5"), f"password in auth is no text: {NUMBER}"),
    "password: .inf": (auth(password=".inf"), f"password in auth is no text: {NUMBER}"),
    "password: a date": (auth(password="2026-11-29"), "password in auth is no text: put the value"),
    "password: a time": (auth(password="2026-11-29 10:00:00"), "YAML takes it for a date"),
    "password: off": (auth(password="off"), f"password in auth is no text: {TRUTH}"),
    "password: a list": (auth(password="[a]"), "password in auth is no text: write one value"),
    "password: bytes": (auth(password="!!binary aGk="), "password in auth is no text"),
    "password: a set": (auth(password="!!set {a}"), "password in auth is no text"),
    "password: null": (auth(password="null"), "password in auth is missing"),
    "a date that is none": (auth(password="2026-13-45"), "it is no number or date"),
    "a tag": (auth(password="!!python/object/apply:os.system [id]"), "remove the tag"),
    "a tag of one's own": (auth(password="!vault x"), "remove the tag"),
    "a value that begins with !": (auth(password="!hunter2"), "in quotes if it begins with !"),
    "a value with a colon": (auth(password="hunter2: x"), "that holds a colon and a blank in quot"),
    "a value with a backslash": (auth(password='"hunter2\\c"'), "a \\ in single quotes"),
    "a value with quotes": (auth(password='"a"hunter2"'), "that holds double quotes in single"),
    "an indentation pasted from a page": (
        entry().replace("    auth", "\u00a0   auth"),
        "clouds.yaml, line 3, begins with a blank that is none to YAML",
    ),
    "an anchor's home that is a whole entry": (
        f"clouds:\n  .base:{AUTH}",
        "begins with a letter or digit: rename it; or leave this cloud out",
    ),
    "project_name: 1": (auth(project_name="1"), f"project_name in auth is no text: {NUMBER}"),
    "user_domain_name: on": (auth(user_domain_name="on"), "user_domain_name in auth is no text"),
    "auth_type: no value": (entry("auth_type:"), "auth_type has no value: write password"),
    "auth_type: 3": (entry("auth_type: 3"), f"auth_type is no text: {NUMBER}"),
    "cacert: no": (entry("cacert: no"), f"cacert is no text: {TRUTH}"),
    "cert: a list": (entry(f"cert: [{CLIENT}]"), "cert is no text: write one value"),
    "a key that is no text": (entry("on: x"), "a key is no text to YAML, which reads it as True"),
    "a key of auth that is no text": (auth(password="p\n      1: x"), "reads it as 1"),
    "a name that is no text": (f"clouds:\n  on:{AUTH}", "a cloud whose name is no text"),
    "a name that is a number": (f"clouds:\n  2026:{AUTH}", "reads it as 2026: put the name"),
    "a tab": ("clouds:\n\totc: {}\n", "at line 2, column 1: write blanks there, not a tab"),
    "equal keys": (auth(password="a\n      password: b"), "key password twice, in lines 6 and 7"),
    "equal clouds": (entry() + f"  otc:{AUTH}", "has the key otc twice, in lines 2 and 10"),
    "two documents": (entry() + "---\n" + entry(), "keep one document, without ---"),
    "a value that begins with @": (auth(password="@x"), "at line 6, column 17: put a value"),
    "a value that begins with *": (auth(password="*x"), "at line 6, column 17: put a value"),
    # What is no mapping, or stands in the wrong place
    "clouds as a list": (f"clouds:\n- otc:{AUTH}", "without a dash"),
    "clouds as a text": ("clouds: otc\n", "has no mapping under the key clouds"),
    "a list": ("- clouds\n", "has no mapping under the key clouds"),
    "no clouds": (entry().partition("\n")[2].replace("  otc", "otc"), "write clouds: above otc"),
    "clouds that are not indented": (
        entry().replace("  otc", "otc"),
        "has no cloud under the key clouds: indent otc below it",
    ),
    "a file that is encrypted": (
        "$ANSIBLE_VAULT;1.1;AES256\n6137\n",
        "is encrypted by ansible-vault: decrypt it",
    ),
    "cloud": (entry().replace("clouds", "cloud"), "cloud looks like it, correct it"),
    "Clouds": (entry().replace("clouds", "Clouds"), "Clouds looks like it, correct it"),
    "no name": ("clouds:\n  auth: {}\n  region_name: x\n", "auth stands where the name of a cloud"),
    "an empty entry": ("clouds:\n  otc:\n", "the entry is no mapping"),
    "auth as a text": ("clouds:\n  otc:\n    auth: x\n", "auth is no mapping"),
    "auth as a list": ("clouds:\n  otc:\n    auth:\n    - auth_url: x\n", "auth is no mapping"),
    "region_name in auth": (
        auth(region_name="eu-de"),
        "auth holds the unknown key 'region_name': it belongs beside auth, move it there",
    ),
    "verify in auth": (auth(verify="false"), "'verify': it belongs beside auth"),
    "interface in auth": (auth(interface="public"), "'interface': it belongs beside auth"),
    "cacert in auth": (auth(cacert=CA), "'cacert': it belongs beside auth"),
    "insecure in auth": (auth(insecure="true"), "'insecure': it belongs beside auth"),
    "auth_type in auth": (auth(auth_type="token"), "'auth_type': it belongs beside auth"),
    "vbs_follow in auth": (auth(vbs_follow="all"), "'vbs_follow': it belongs beside auth"),
    "volume_endpoint_override in auth": (
        auth(volume_endpoint_override="https://x"),
        "'volume_endpoint_override': it belongs beside auth",
    ),
    "a misspelt key of auth": (auth(usrname="u"), "unknown key 'usrname': remove or correct"),
    "Auth": (entry().replace("auth:", "Auth:"), "Auth looks like auth: correct it"),
    "AK/SK beside auth by other names": (
        f"clouds: {{otc: {{access_key: a, secret_key: s, auth: {{auth_url: '{IAM}'}}}}}}",
        "auth_type is missing: access_key looks like ak of aksk, write that name and auth_type",
    ),
    "auth_type: token without one": (
        auth(username="", password="", user_domain_name="") + "    auth_type: token\n",
        "token in auth is missing: set it",
    ),
    "an application credential without its secret": (
        f"clouds: {{otc: {{auth_type: v3applicationcredential, auth: {{auth_url: '{IAM}', "
        "application_credential_id: a}}}",
        "application_credential_secret in auth is missing: set it, auth_type "
        "v3applicationcredential needs it, "
        "here or in secure.yaml",
    ),
    "an application credential by name without its user": (
        f"clouds: {{otc: {{auth_type: v3applicationcredential, auth: {{auth_url: '{IAM}', "
        "application_credential_name: a, application_credential_secret: s}}}",
        "username in auth is missing: set it, the credential's name is known for its user alone",
    ),
    "a placeholder in an address": (
        entry("vbs_endpoint_override: https://vbs.example/v2/<project_id>"),
        "vbs_endpoint_override holds a <…> that nothing has filled in",
    ),
    "an address of a provider that is none": (
        auth(
            username="",
            password="",
            user_domain_name="",
            identity_provider="i",
            protocol="openid",
            client_id="c",
            client_secret="hunter2",
            discovery_endpoint="idp.example/.well-known",
        )
        + "    auth_type: v3oidcclientcredentials\n",
        "discovery_endpoint must begin with one of https://, http://",
    ),
    "passwort": (auth(password="", passwort="x"), "'passwort': did you mean password?"),
    "user": (auth(username="", user="x"), "'user': did you mean username?"),
    "os_username": (auth(username="", os_username="x"), "'os_username': did you mean username?"),
    "access_key": (
        'clouds: {otc: {auth: {access_key: a, secret_key: s, project_id: "1"}}}',
        "'access_key': did you mean ak, a key of auth_type aksk?",
    ),
    "a region by another name": (auth(region="x"), "did you mean region_name beside auth?"),
    # Keys of another way to sign in
    "an application credential without its type": (
        auth(
            username="",
            password="",
            project_name="",
            user_domain_name="",
            project_domain_name="",
            application_credential_id="a",
            application_credential_secret="s",
        ),
        WITHOUT_USER.format("application_credential_id", "v3applicationcredential"),
    ),
    "an application credential by name": (
        auth(
            password="",
            project_name="",
            project_domain_name="",
            application_credential_name="a",
            application_credential_secret="s",
        ),
        WITHOUT_USER.format("application_credential_name", "v3applicationcredential"),
    ),
    "a token without its type": (
        auth(username="", password="", user_domain_name="", token="t"),
        WITHOUT_USER.format("token", "token"),
    ),
    "AK/SK without its type": (
        'clouds: {otc: {auth: {ak: a, sk: s, project_id: "1"}}}',
        WITHOUT_USER.format("ak", "aksk"),
    ),
    "a passcode without its type": (
        auth(password="", passcode='"1"'),
        WITHOUT_USER.format("passcode", "v3totp"),
    ),
    "OpenID without its type": (
        auth(identity_provider="i", protocol="openid", client_id="c"),
        "is a key of v3oidcpassword",
    ),
    "a token beside auth": (entry("token: t1"), WITHOUT_USER.format("token", "token")),
    "a token with auth_type: password": (
        auth(token="t") + "    auth_type: password\n",
        "it is one of auth_type token and not of password",
    ),
    "a password with auth_type: token": (
        auth() + "    auth_type: token\n",
        "is one of auth_type password and not of token",
    ),
    "auth_type of version 2": (entry("auth_type: v2password"), "'v2password' is not supported"),
    "auth_type that opens a browser": (entry("auth_type: v3websso"), "auth_type 'v3websso'"),
    "auth_type: none": (entry("auth_type: none"), "auth_type 'none'"),
    "auth_plugin": (entry("auth_plugin: token"), "auth_plugin is the old name of auth_type"),
    "a username that is missing": (auth(username=""), "username in auth is missing"),
    "auth_type whose library is not there": (
        entry("auth_type: v3samlpassword"),
        "auth_type 'v3samlpassword' is not supported: write password",
    ),
    "auth_type of Kerberos": (entry("auth_type: v3kerberos"), "'v3kerberos' is not supported"),
    "an application credential with a project": (
        auth(
            username="",
            password="",
            user_domain_name="",
            application_credential_id="a",
            application_credential_secret="s",
        )
        + "    auth_type: v3applicationcredential\n",
        "'project_name': it is one of auth_type password and not of v3applicationcredential",
    ),
    "system_scope: true": (
        auth(project_name="", system_scope="true"),
        "system_scope in auth is not",
    ),
    "system_scope": (auth(project_name="", system_scope="all"), "system_scope in auth is not"),
    "a trust and a project": (auth(trust_id="t"), "trust_id and project_name in auth both"),
    # Values that contradict each other
    "two usernames": (entry("username: other"), "username stands in auth and beside it"),
    "two projects": (entry("project_name: other"), "project_name stands in auth and beside it"),
    "a tenant and another project": (auth(tenant_name="t"), "tenant_name and project_name in auth"),
    "two domains of the user": (
        auth(domain_id="d1", project_domain_name=""),
        "domain_id and user_domain_name in auth both name the domain of the user",
    ),
    "two domains of the project": (
        auth(domain_id="d1", user_domain_name=""),
        "domain_id and project_domain_name in auth both name the domain of the project",
    ),
    "two interfaces": (
        entry("interface: internal\nendpoint_type: publicURL"),
        "interface and endpoint_type say different things",
    ),
    "two overrides": (
        entry("volume_endpoint_override: https://a\nvolumev3_endpoint_override: https://b"),
        "volumev3_endpoint_override and volume_endpoint_override say different things",
    ),
    "two spellings": (
        entry("region-name: a\nregion_name: b"),
        "region_name stands there twice, with - and with _",
    ),
    # What is not supported, or cannot be obeyed
    "several regions": (entry("region_name: [eu-de, eu-nl]"), "region_name is a list"),
    "several regions in a text": (entry("region_name: eu-de,eu-nl"), "names several regions"),
    "regions": (
        entry("regions: [eu-de]"),
        "regions is not supported: write one entry with region_name for each region; or leave this "
        "cloud out, list the others in VBSDASH_CLOUDS",
    ),
    "profile": (entry("profile: otc"), "profile is not supported: write the profile's auth_url"),
    "cloud in an entry": (entry("cloud: otc"), "cloud is the old name of profile"),
    "vendor_hook": (entry("vendor_hook: x:y"), "vendor_hook is not supported"),
    "volume_service_name": (entry("volume_service_name: c"), "write the endpoint override"),
    "evs_endpoint_override": (entry("evs_endpoint_override: https://x"), "volume_endpoint_over"),
    "identity_api_version: 2": (entry("identity_api_version: 2"), "identity_api_version is not 3"),
    "identity_api_version: 2.0": (entry('identity_api_version: "2.0"'), "is not 3"),
    "volume_api_version: 1": (entry("volume_api_version: 1"), "volume_api_version is not"),
    "volume_api_version: 3.60": (entry("volume_api_version: 3.60"), "chooses the microversion"),
    "volume_api_version: latest": (entry("volume_api_version: latest"), "write 3 or 2"),
    "interface: no value": (entry("interface:"), "interface has no value: write public, or"),
    "interface: empty": (entry('interface: ""'), "interface has no value: write public, or"),
    "interface: an empty list": (entry("interface: []"), "interface has no value: write public"),
    "an interface that is none": (entry("interface: outside"), "interface is unknown"),
    "Public": (entry("interface: Public"), "interface is unknown: write public"),
    "interfaces in a text": (entry("interface: public,internal"), "or a list of them"),
    "a number among interfaces": (entry("interface: [public, 1]"), "interface is no text"),
    "endpoint_type that is none": (entry("endpoint_type: x"), "endpoint_type is unknown"),
    "volume_interface that is none": (entry("volume_interface: x"), "volume_interface is unknown"),
    "verify: a file": (entry(f"verify: {CA}"), "verify is neither true nor false"),
    "verify: a text": (entry('verify: "false"'), "verify is a text: write it without quotes"),
    "verify: 0": (entry("verify: 0"), "verify is neither true nor false"),
    "verify: null": (entry("verify:"), "verify is neither true nor false"),
    "insecure: 1": (entry("insecure: 1"), "insecure is unclear: write true or false"),
    "insecure: yes, as a text": (entry('insecure: "yes"'), "insecure is unclear"),
    "insecure: maybe": (entry("insecure: maybe"), "insecure is unclear"),
    "cacert that is no path": (
        entry("cacert: |\n  -----BEGIN CERTIFICATE-----\n  MIIB\n  -----END CERTIFICATE-----"),
        "cacert holds what belongs into a file: write the path of one",
    ),
    "cacert that is not there": (entry("cacert: /nowhere/ca.pem"), "cacert names /nowhere/ca.pem"),
    "cacert without certificates": (entry(f"cacert: {CLIENT_KEY}"), "which holds no certificate"),
    "cacert that is a bare folder": (entry("cacert: /"), "a folder without certificates"),
    "cert that is not there": (entry("cert: /nowhere/c.pem"), "cert names /nowhere/c.pem"),
    "cert without a certificate": (entry(f"cert: {CLIENT_KEY}"), "which holds no certificate"),
    "cert without its key": (entry(f"cert: {CLIENT_CERT}"), "holds no key for it"),
    "key without cert": (entry(f"key: {CLIENT_KEY}"), "key is given without cert"),
    "key that is not there": (entry(f"cert: {CLIENT}\nkey: /nowhere/k"), "key names /nowhere/k"),
    "key of another certificate": (
        entry(f"cert: {CLIENT_CERT}\nkey: {CA}"),
        "which is no readable PEM file with the key of",
    ),
    "key that is none": (entry(f"cert: {CLIENT}\nkey: {CLIENT_CERT}"), "which is no readable PEM"),
    "key with a password": (
        entry(f"cert: {CLIENT_CERT}\nkey: {CERTIFICATES / 'locked.key'}"),
        "has a password",
    ),
    # Values that cannot be meant
    "a variable that nothing filled in": (
        auth(password="${OS_PASSWORD}"),
        "password in auth is a placeholder that nothing has filled in",
    ),
    "a value that sops encrypted": (
        auth(password='"ENC[AES256_GCM,data:hunter2,iv:x,tag:y,type:str]"'),
        "password in auth is a placeholder",
    ),
    "a template of Ruby": (auth(password='"<%= hunter2 %>"'), "password in auth is a placeholder"),
    "a template": (auth(password='"{{ vault_password }}"'), "password in auth is a placeholder"),
    "what a guide says": (auth(password="<your password>"), "password in auth is a placeholder"),
    "a variable in an address": (auth(auth_url='"https://${HOST}/v3"'), "auth_url in auth is a pl"),
    "braces in an address": (auth(auth_url='"https://{host}/v3"'), "auth_url has braces"),
    "a blank at the end": (entry('region_name: "eu-de "'), "begins or ends with a blank"),
    "a blank that cannot be seen": (auth(username="read\u200ber"), "ZERO WIDTH SPACE) at place 5"),
    "a hard blank": (entry('region_name: "\u00a0eu-de"'), "NO-BREAK SPACE) at place 1"),
    "a mark pasted with a password": (auth(password="\u200bhunter22"), "ZERO WIDTH SPACE"),
    "a line end in a password": (auth(password="|\n        hunter22"), "ends with a line break"),
    "a NUL": (auth(password='"hunter\\0"'), "a control character"),
    "version 2 of the identity API": (auth(auth_url="https://i.example/v2.0"), "write …/v3"),
    "an address that goes too far": (
        auth(auth_url="https://i.example/v3/auth/tokens"),
        "goes too far: end it with /v3",
    ),
    # Variables
    "OS_CLOUD that is not there": ((entry(), {"OS_CLOUD": "x"}), "OS_CLOUD names 'x', but there"),
    "OS_CLOUD without clouds": (
        ("", {"OS_CLOUD": "x"}),
        "no cloud at all: correct the name, write",
    ),
    "OS_PASSWORD for an entry of a file": (
        (auth(password=""), {"OS_CLOUD": "otc", "OS_PASSWORD": "hunter2"}),
        "password in auth is missing: set it, here or in secure.yaml; OS_PASSWORD counts with",
    ),
    "OS_USERNAME that is left over": (
        (entry(), {"OS_USERNAME": "reader"}),
        "OS_AUTH_URL is missing: set it, it is the address of the identity service; or unset the",
    ),
    "OS_CLOUD=envvars without variables": ((entry(), {"OS_CLOUD": "envvars"}), "there is otc"),
    "a cloud called envvars beside variables": (
        (entry().replace("otc", "envvars"), ENVVARS),
        "the OS_* variables make a cloud of the same name",
    ),
    "OS_CLIENT_SECURE_FILE that is not there": (
        (entry(), {"OS_CLIENT_SECURE_FILE": "/nowhere.yaml"}),
        "OS_CLIENT_SECURE_FILE names /nowhere.yaml, which is no file",
    ),
    "OS_INSECURE=1": (("", {**ENVVARS, "OS_INSECURE": "1"}), "OS_INSECURE is unclear: write true"),
    "OS_ENDPOINT_TYPE and OS_INTERFACE": (
        ("", {**ENVVARS, "OS_INTERFACE": "internal", "OS_ENDPOINT_TYPE": "publicURL"}),
        "OS_INTERFACE and OS_ENDPOINT_TYPE say different things",
    ),
    "OS_CERT that is not there": (("", {**ENVVARS, "OS_CERT": "/x.pem"}), "OS_CERT names /x.pem"),
    "OS_KEY alone": (("", {**ENVVARS, "OS_KEY": CLIENT_KEY}), "OS_KEY is given without OS_CERT"),
    "OS_CACERT of nothing": (("", {**ENVVARS, "OS_CACERT": "/x.pem"}), "OS_CACERT names /x.pem"),
    "OS_IDENTITY_API_VERSION=2": (
        ("", {**ENVVARS, "OS_IDENTITY_API_VERSION": "2"}),
        "OS_IDENTITY_API_VERSION is not 3",
    ),
    "OS_REGION_NAME of two": (("", {**ENVVARS, "OS_REGION_NAME": "a,b"}), "OS_REGION_NAME names"),
    "OS_TOKEN beside a password": (
        ("", {**ENVVARS, "OS_TOKEN": "t1"}),
        "OS_AUTH_TYPE is missing: OS_TOKEN is a key of token, write OS_AUTH_TYPE=token",
    ),
    "an application credential in variables without its type": (
        (
            "",
            {
                "OS_AUTH_URL": IAM,
                "OS_APPLICATION_CREDENTIAL_ID": "a",
                "OS_APPLICATION_CREDENTIAL_SECRET": "s",
            },
        ),
        "OS_AUTH_TYPE is missing: OS_APPLICATION_CREDENTIAL_ID is a key of v3applicationcredential",
    ),
    "OS_TENANT_NAME and another OS_PROJECT_NAME": (
        ("", {**ENVVARS, "OS_TENANT_NAME": "other"}),
        "OS_TENANT_NAME and OS_PROJECT_NAME say different things",
    ),
}


@pytest.mark.parametrize("name", REFUSED)
def test_it_is_refused_in_one_sentence(name: str, tmp_path: Path) -> None:
    case, says = REFUSED[name]
    variables = write(case, tmp_path)
    with pytest.raises(ConfigurationError) as caught:
        load_clouds(variables, cwd=tmp_path, home=tmp_path / "home")
    sentence = str(caught.value)
    assert says in sentence
    assert sentence.count("\n") == 0
    assert sentence.endswith((".", "?"))
    assert not any(secret in sentence for secret in ("00123", "hunter2", "123456", "OS_PASSWORD}"))
