"""Which keys of an entry are named in a warning, and which are left alone."""

import json
from collections.abc import Mapping
from pathlib import Path

import pytest

from backups.vbs.cloud_config import CloudConfig
from backups.vbs.clouds import choice_notices, load_clouds
from backups.vbs.errors import ConfigurationError
from backups.vbs.keystone import PROJECT_KEYS

AUTH = {
    "auth_url": "https://iam.example/v3",
    "username": "reader",
    "password": "secret-word",
    "project_name": "eu-de",
    "user_domain_name": "d",
}
VARIABLES = {f"OS_{key.upper()}": value for key, value in AUTH.items()}


def loaded(folder: Path, entry: Mapping[str, object], **sections: object) -> CloudConfig:
    content = {"clouds": {"otc": {"auth": AUTH, **entry}}, **sections}
    (folder / "clouds.yaml").write_text(json.dumps(content))
    return load_clouds({}, cwd=folder, home=folder)["otc"]


@pytest.mark.parametrize(
    "key",
    [
        "auth_type",
        "region_name",
        "volume_interface",
        "compute_api_version",
        "compute-api-version",
        "image_endpoint_override",
        "network_interface",
        "object_store_endpoint_override",
        "dns_region_name",
        "baremetal_status_code_retries",
        "rds_endpoint_override",
        "cce_endpoint_override",
        "obs_endpoint_override",
        "dcs_api_version",
        "identity_interface",
        "identity_region_name",
        "load_balancer_default_microversion",
        "networks",
        "floating_ip_source",
        "image_format",
        "metrics",
        "has_object_store",
        "force_ipv4",
        "ak",
        "sk",
        "x-note",
        "_note",
        ".common",
    ],
)
def test_a_key_that_is_obeyed_or_concerns_other_services_is_left_alone(
    tmp_path: Path, key: str
) -> None:
    values = {"auth_type": "password", "volume_interface": "internal", "networks": []}
    assert loaded(tmp_path, {key: values.get(key, "x")}).warnings == ()


@pytest.mark.parametrize(
    ("key", "sentence"),
    [
        ("regoin_name", "nobody knows the key regoin_name: did you mean region_name?"),
        ("Region_Name", "nobody knows the key Region_Name: did you mean region_name?"),
        ("region", "nobody knows the key region: did you mean region_name?"),
        ("intreface", "nobody knows the key intreface: did you mean interface?"),
        ("ca_cert", "nobody knows the key ca_cert: did you mean cacert?"),
        ("verify_ssl", "nobody knows the key verify_ssl: did you mean verify?"),
        ("insecrue", "nobody knows the key insecrue: did you mean insecure?"),
        ("auth_typ", "nobody knows the key auth_typ: did you mean auth_type?"),
        ("os_region_name", "nobody knows the key os_region_name: did you mean region_name?"),
        ("usrname", "nobody knows the key usrname: did you mean username?"),
        ("vbsfollow", "nobody knows the key vbsfollow: did you mean vbs_follow?"),
        ("region_nam", "nobody knows the key region_nam: did you mean region_name?"),
        (
            "volum_endpoint_override",
            "nobody knows the key volum_endpoint_override: did you mean volume_endpoint_override?",
        ),
        (
            "cinder_endpoint_override",
            "nobody knows the key cinder_endpoint_override: did you mean volume_endpoint_override?",
        ),
        (
            "backup_endpoint_override",
            "nobody knows the key backup_endpoint_override: did you mean vbs_endpoint_override?",
        ),
        ("colour", "nobody knows the key colour: remove it, or correct its name"),
        ("favourite\nline", r"nobody knows the key 'favourite\nline': remove it, or correct its"),
        (
            "api_timeout",
            "api_timeout is not used: vbsdash chooses deadlines, budget and version of its calls",
        ),
        ("volume_default_microversion", "volume_default_microversion is not used: vbsdash"),
        ("rate_limit", "rate_limit is not used: vbsdash"),
        (
            "identity_endpoint_override",
            "identity_endpoint_override is not used: the sign-in goes to auth_url",
        ),
        ("https_proxy", "https_proxy is not used: name proxies in HTTPS_PROXY"),
        ("cert_file", "nobody knows the key cert_file: did you mean cert?"),
    ],
)
def test_an_unknown_key_is_named_with_what_was_probably_meant(
    tmp_path: Path, key: str, sentence: str
) -> None:
    [warning] = loaded(tmp_path, {key: "secret-word"}).warnings
    assert warning.startswith(f"{tmp_path}/clouds.yaml, cloud otc: {sentence}")
    assert warning.endswith((".", "?"))
    assert not warning.endswith("?.")
    assert "secret-word" not in warning


@pytest.mark.parametrize(
    ("broken", "of"),
    [
        ("password:{}", "password"),
        ("password={}", "password"),
        ("password：{}", "password"),
        ("password {}", "password"),
        ("Pass:{}", "password"),
        ("application-credential-secret:{}", "application_credential_secret"),
        ("pw:{}", None),
        ("? {}", None),
        ("user_domain_name: d,{}", None),
    ],
)
@pytest.mark.parametrize("secret", ["s3cret", "34", "X:34", "6"])
@pytest.mark.parametrize(
    "form",
    [
        "clouds: {{otc: {{auth: {{auth_url: '{url}', username: u, {broken}}}}}}}",
        "clouds: {{otc: {{auth: {auth}, {broken}}}}}",
        "{{clouds: {{otc: {{auth: {auth}}}}}, {broken}}}",
    ],
    ids=["in auth", "beside auth", "beside clouds"],
)
def test_a_value_that_yaml_took_for_a_key_is_not_quoted(
    tmp_path: Path, form: str, secret: str, broken: str, of: str | None
) -> None:
    broken = broken.format(secret)
    text = form.format(url=AUTH["auth_url"], auth=json.dumps(AUTH), broken=broken)
    (tmp_path / "clouds.yaml").write_text(text)
    try:
        sentences = load_clouds({}, cwd=tmp_path, home=tmp_path)["otc"].warnings
    except ConfigurationError as e:
        sentences = (str(e),)
    says = "a key that nobody knows has no value, so it is not shown: write a blank"
    if of is not None and not form.startswith("{{"):
        says = f"{of} is one key with its value: write a colon and a blank between them"
    assert any(says in sentence for sentence in sentences)
    for sentence in sentences:
        assert secret not in sentence.replace(str(tmp_path), "")


def test_a_file_of_authorities_that_is_not_asked_is_named(tmp_path: Path) -> None:
    file = Path(__file__).parents[1] / "certificates" / "good.pem"
    [warning] = loaded(tmp_path, {"cacert": str(file), "insecure": True}).warnings
    assert "cacert is not used: insecure or verify says that certificates are not" in warning


def test_a_key_of_another_way_to_sign_in_is_named(tmp_path: Path) -> None:
    entry = {"auth_type": "password", "token": "secret-word", "passcode": "1"}
    warnings = loaded(tmp_path, entry).warnings
    place = f"{tmp_path}/clouds.yaml, cloud otc"
    assert warnings == (
        f"{place}: passcode is not used: auth_type password does not have it.",
        f"{place}: token is not used: auth_type password does not have it.",
    )


def test_a_project_beside_an_application_credential_is_named(tmp_path: Path) -> None:
    """An openrc left it behind; Keystone would refuse the sign-in for it."""
    variables = {
        "OS_AUTH_TYPE": "v3applicationcredential",
        "OS_APPLICATION_CREDENTIAL_ID": "a",
        "OS_APPLICATION_CREDENTIAL_SECRET": "s",
    }
    [config] = load_clouds({**VARIABLES, **variables}, cwd=tmp_path, home=tmp_path).values()
    assert PROJECT_KEYS.isdisjoint(config.auth)
    assert config.warnings == (
        "The OS_* variables: OS_PASSWORD is not used: auth_type v3applicationcredential does not "
        "have it.",
        "The OS_* variables: OS_PROJECT_NAME is not used: auth_type v3applicationcredential does "
        "not have it.",
    )


@pytest.mark.parametrize(
    ("section", "content", "cure"),
    [
        ("public-clouds", {}, None),
        ("cache", {"auth": True}, None),
        ("client", {}, None),
        ("metrics", {}, None),
        ("x-common", {"auth": {}}, None),
        ("common", {"interface": "public"}, "remove it, or indent it below the cloud"),
        ("region_name", "eu-de", "remove it, or indent it below the cloud"),
        ("other", {"auth": {}}, "indent it below clouds, or begin its name with x-"),
    ],
)
def test_a_key_beside_clouds_that_nobody_knows_is_named(
    tmp_path: Path, section: str, content: object, cure: str | None
) -> None:
    warnings = loaded(tmp_path, {}, **{section: content}).warnings
    if cure is None:
        assert warnings == ()
    else:
        [warning] = warnings
        expected = f"{tmp_path}/clouds.yaml: nobody knows the key {section} beside clouds: {cure}"
        assert warning.startswith(expected)


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("OS_REGION_NAM", "nobody knows the key OS_REGION_NAM: did you mean OS_REGION_NAME?"),
        ("OS_PASWORD", "nobody knows the key OS_PASWORD: did you mean OS_PASSWORD?"),
        ("OS_DISTRIBUTION", None),
        ("OS_COMPUTE_API_VERSION", None),
        ("OS_PROFILE", None),
        ("OS_LOG_CAPTURE", None),
        ("OS_API_TIMEOUT", "OS_API_TIMEOUT is not used"),
        ("OS_CLOUD_NAME", None),
    ],
)
def test_a_variable_that_looks_misspelt_is_named_and_one_of_other_programs_is_not(
    tmp_path: Path, name: str, says: str | None
) -> None:
    [config] = load_clouds({**VARIABLES, name: "x"}, cwd=tmp_path, home=tmp_path).values()
    if says is None:
        assert config.warnings == ()
    else:
        [warning] = config.warnings
        assert warning.startswith(f"The OS_* variables: {says}")


@pytest.mark.parametrize(
    ("variables", "only", "says"),
    [
        ({}, [], []),
        ({"OS_CLOUD": "otc"}, [], ["OS_CLOUD is set: otc is the only cloud that is used."]),
        ({"OS_CLOUD": "otc"}, ["otc"], []),
        ({"OS_CLOUD": "otc"}, ["otc", "b"], ["OS_CLOUD is not used: VBSDASH_CLOUDS says which"]),
        ({"OS_CLIENT_VENDOR_FILE": "x"}, [], ["OS_CLIENT_VENDOR_FILE is not used"]),
        ({"OS_INTERFACE": "admin"}, [], ["OS_INTERFACE: not used, OS_* variables make a cloud"]),
        (
            {"OS_INSECURE": "1", "OS_REGION_NAME": "r"},
            [],
            ["OS_INSECURE, OS_REGION_NAME: not used"],
        ),
        ({"OS_CACERT": "/ca.pem"}, [], []),
        ({**VARIABLES, "OS_INTERFACE": "admin"}, [], []),
    ],
)
def test_the_start_says_what_chooses_the_clouds_and_what_does_nothing(
    variables: Mapping[str, str], only: list[str], says: list[str]
) -> None:
    notices = choice_notices(variables, ["otc"], only=only)
    assert len(notices) == len(says)
    for notice, beginning in zip(notices, says, strict=True):
        assert notice.startswith(beginning)


@pytest.mark.parametrize(
    ("only", "expected"), [([], ["otc"]), (["b"], ["b"]), (["b", "otc"], ["b", "otc"])]
)
def test_os_cloud_chooses_unless_the_setting_of_our_own_does(
    tmp_path: Path, only: list[str], expected: list[str]
) -> None:
    content = {"clouds": {name: {"auth": AUTH} for name in ("otc", "b", "c")}}
    (tmp_path / "clouds.yaml").write_text(json.dumps(content))
    clouds = load_clouds({"OS_CLOUD": "otc"}, cwd=tmp_path, home=tmp_path, only=only)
    assert list(clouds) == expected


def test_os_cloud_name_is_the_name_of_the_cloud_that_the_variables_make(tmp_path: Path) -> None:
    clouds = load_clouds({**VARIABLES, "OS_CLOUD_NAME": "mine"}, cwd=tmp_path, home=tmp_path)
    assert list(clouds) == ["mine"]
