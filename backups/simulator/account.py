"""The one tenant of the simulator: its project, its ways to sign in, its
service catalog, its clouds.yaml.
"""

import json
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any
from uuid import NAMESPACE_URL, uuid5

from backups.vbs.json_object import JsonObject

REGION = "eu-de"
_NAMES = uuid5(NAMESPACE_URL, "https://vbs-simulator.example/account")


def hex_id(name: str) -> str:
    """Returns 32 hex digits, always the same for the same name, as Keystone's IDs are written."""
    return uuid5(_NAMES, name).hex


@dataclass(frozen=True, slots=True)
class Account:
    # The project of the API page's example, so that its links are those of the page.
    project_id: str = "b23b579f08c84228b9b4673c46f0c442"
    project_name: str = "eu-de_demo"
    domain_id: str = hex_id("domain")
    domain_name: str = "DEMO-DOMAIN"
    user_id: str = hex_id("user")
    username: str = "operator"
    password: str = "simulated-password"  # noqa: S105 - opens nothing but this simulator
    application_credential_id: str = hex_id("application credential")
    application_credential_name: str = "vbsdash"
    application_credential_secret: str = "simulated-application-secret"  # noqa: S105
    access_key: str = "SIMULATEDAK000000001"
    secret_key: str = "simulatedSecretKey000000000000000000001"  # noqa: S105


def catalog(
    url: str, *, project_id: str, flavor: str, apis: Collection[str], cbr_project: bool
) -> list[JsonObject]:
    """Returns the services. VBS has two entries, one of them without the project ID
    (`backups/vbs/API.md` §7.2); stock Cinder has none. `apis`: which of "vbs" and "cbr" there are;
    `cbr_project`: whether the address of CBR has the project ID.
    """
    identity = _service("identity", "keystone", f"{url}/v3")
    if flavor == "cinder":
        volumes = f"{url}/volume/v3/{project_id}"
        return [
            identity,
            _service("volumev3", "cinderv3", volumes),
            _service("block-storage", "cinder", volumes),
        ]
    volumes_v2 = f"{url}/evs/v2/{project_id}"
    volumes_v3 = f"{url}/evs/v3/{project_id}"
    services = [identity]
    if "vbs" in apis:
        services += [
            _service("vbs", "volume-backup", f"{url}/v2/"),
            _service("vbsv2", "volume-backup", f"{url}/v2/{project_id}"),
        ]
    services += [
        _service("evs", "evs", volumes_v2),
        _service("volumev2", "evs", volumes_v2),
        _service("volumev3", "evs", volumes_v3),
        _service("block-storage", "evs", volumes_v3),
    ]
    if "cbr" in apis:
        base = f"{url}/cbr/v3"
        services.append(_service("cbr", "cbr", f"{base}/{project_id}" if cbr_project else base))
    return services


def _service(service_type: str, name: str, url: str) -> JsonObject:
    endpoint = {
        "id": hex_id(f"endpoint {service_type}"),
        "interface": "public",
        "region": REGION,
        "region_id": REGION,
        "url": url,
    }
    return {
        "id": hex_id(f"service {service_type}"),
        "type": service_type,
        "name": name,
        "endpoints": [endpoint],
    }


def cloud_entry(
    account: Account,
    *,
    url: str,
    auth: str,
    token: str,
    flavor: str = "vbs",
    api: str = "vbs",
) -> dict[str, Any]:
    """Returns one entry of clouds.yaml. `auth`: password,
    v3applicationcredential, token or aksk. An entry of CBR says that it is one: the volume service
    of the same catalog could as well be that of a stock Cinder.
    """
    entry: dict[str, Any] = {"region_name": REGION, "interface": "public"}
    if api == "cbr":
        entry["vbs_api"] = "cbr"
    if auth != "password":
        entry["auth_type"] = auth
    if auth == "aksk":
        entry["auth"] = {
            "ak": account.access_key,
            "sk": account.secret_key,
            "project_id": account.project_id,
        }
        backups_path = "volume/v3" if flavor == "cinder" else "v2"
        if api == "cbr":
            backups_path = "cbr/v3"
        volumes_path = "volume/v3" if flavor == "cinder" else "evs/v2"
        entry["vbs_endpoint_override"] = f"{url}/{backups_path}/{account.project_id}"
        entry["volume_endpoint_override"] = f"{url}/{volumes_path}/{account.project_id}"
        return entry
    project = {"project_name": account.project_name, "project_domain_name": account.domain_name}
    credentials: dict[str, str]
    if auth == "password":
        user = {
            "username": account.username,
            "password": account.password,
            "user_domain_name": account.domain_name,
        }
        credentials = user | project
    elif auth == "v3applicationcredential":
        credentials = {
            "application_credential_id": account.application_credential_id,
            "application_credential_secret": account.application_credential_secret,
        }
    elif auth == "token":
        credentials = {"token": token} | project
    else:
        raise ValueError(
            f"Unknown way to sign in {auth!r}; known are password, v3applicationcredential, "
            "token, aksk."
        )
    entry["auth"] = {"auth_url": f"{url}/v3"} | credentials
    return entry


def clouds_yaml(clouds: Mapping[str, Mapping[str, object]]) -> str:
    """Returns the YAML text of whole clouds; the values are written as JSON, which is YAML too."""
    return "\n".join(["clouds:", *_lines(clouds, depth=1)]) + "\n"


def _lines(mapping: Mapping[str, object], *, depth: int) -> list[str]:
    lines: list[str] = []
    for key, value in mapping.items():
        start = f"{'  ' * depth}{key}:"
        if isinstance(value, Mapping):
            lines.append(start)
            lines += _lines(value, depth=depth + 1)
        else:
            lines.append(f"{start} {json.dumps(value)}")
    return lines
