"""The one tenant of the simulator: its project, its ways to sign in, its service catalog, its
clouds.yaml.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from uuid import NAMESPACE_URL, uuid5

REGION = "eu-de"
_NAMES = uuid5(NAMESPACE_URL, "https://vbs-simulator.example/account")


def hex_id(word: str) -> str:
    """32 hex digits that are always the same for the same word, as Keystone's IDs are written."""
    return uuid5(_NAMES, word).hex


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


def catalog(url: str, *, project_id: str, flavor: str) -> list[dict[str, Any]]:
    """VBS has two entries, one of them without the project ID (`backups/vbs/API.md` §7.2); stock
    Cinder has none.
    """
    services = {"identity": ("keystone", f"{url}/v3")}
    if flavor == "cinder":
        services |= {
            "volumev3": ("cinderv3", f"{url}/volume/v3/{project_id}"),
            "block-storage": ("cinder", f"{url}/volume/v3/{project_id}"),
        }
    else:
        services |= {
            "vbs": ("volume-backup", f"{url}/v2/"),
            "vbsv2": ("volume-backup", f"{url}/v2/{project_id}"),
            "evs": ("evs", f"{url}/evs/v2/{project_id}"),
            "volumev2": ("evs", f"{url}/evs/v2/{project_id}"),
            "volumev3": ("evs", f"{url}/evs/v3/{project_id}"),
            "block-storage": ("evs", f"{url}/evs/v3/{project_id}"),
        }
    return [_service(kind, *entry) for kind, entry in services.items()]


def _service(kind: str, name: str, url: str) -> dict[str, Any]:
    endpoint = {
        "id": hex_id(f"endpoint {kind}"),
        "interface": "public",
        "region": REGION,
        "region_id": REGION,
        "url": url,
    }
    return {"id": hex_id(f"service {kind}"), "type": kind, "name": name, "endpoints": [endpoint]}


def cloud_entry(
    account: Account, *, url: str, auth: str, token: str, flavor: str = "vbs"
) -> dict[str, Any]:
    """One entry of clouds.yaml. `auth`: password, v3applicationcredential, token or aksk."""
    entry: dict[str, Any] = {"region_name": REGION, "interface": "public"}
    project = {"project_name": account.project_name, "project_domain_name": account.domain_name}
    if auth == "password":
        user = {
            "username": account.username,
            "password": account.password,
            "user_domain_name": account.domain_name,
        }
        entry |= {"auth": {"auth_url": f"{url}/v3", **user, **project}}
    elif auth == "v3applicationcredential":
        application = {
            "application_credential_id": account.application_credential_id,
            "application_credential_secret": account.application_credential_secret,
        }
        entry |= {"auth_type": auth, "auth": {"auth_url": f"{url}/v3", **application}}
    elif auth == "token":
        entry |= {"auth_type": auth, "auth": {"auth_url": f"{url}/v3", "token": token, **project}}
    elif auth == "aksk":
        keys = {
            "ak": account.access_key,
            "sk": account.secret_key,
            "project_id": account.project_id,
        }
        path = "volume/v3" if flavor == "cinder" else "v2"
        volumes = "volume/v3" if flavor == "cinder" else "evs/v2"
        entry |= {
            "auth_type": auth,
            "auth": keys,
            "vbs_endpoint_override": f"{url}/{path}/{account.project_id}",
            "volume_endpoint_override": f"{url}/{volumes}/{account.project_id}",
        }
    else:
        raise ValueError(
            f"Unknown way to sign in {auth!r}; known are password, v3applicationcredential, "
            "token, aksk."
        )
    return entry


def clouds_yaml(clouds: Mapping[str, Mapping[str, Any]]) -> str:
    """YAML text of whole clouds; the values are written as JSON, which is YAML too."""
    return "\n".join(["clouds:", *_lines(clouds, depth=1)]) + "\n"


def _lines(mapping: Mapping[str, Any], *, depth: int) -> list[str]:
    lines = []
    for key, value in mapping.items():
        start = f"{'  ' * depth}{key}:"
        if isinstance(value, Mapping):
            lines += [start, *_lines(value, depth=depth + 1)]
        else:
            lines.append(f"{start} {json.dumps(value)}")
    return lines
