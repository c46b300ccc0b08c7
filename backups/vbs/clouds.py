"""The clouds of `clouds.yaml` and of the `OS_*` variables, checked, as plain values.

A mistake is a ConfigurationError: one sentence that names file, cloud, key and
cure, never a secret.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from backups.vbs import clouds_file
from backups.vbs.cloud_config import CloudConfig
from backups.vbs.cloud_entry import EntryReader
from backups.vbs.config_keys import ConfigKeys
from backups.vbs.errors import ConfigurationError
from backups.vbs.known_keys import shown
from backups.vbs.proxies import read_proxies
from backups.vbs.quoted import quoted

ENVVARS = "envvars"  # The cloud that the OS_* variables make, unless OS_CLOUD_NAME names it.
# Whoever has set one of these means to sign in by variables; a missing OS_AUTH_URL is then a
# mistake.
_SIGN_IN_VARIABLES = (
    "OS_AUTH_URL",
    "OS_AUTH_TYPE",
    "OS_USERNAME",
    "OS_USER_ID",
    "OS_PASSWORD",
    "OS_TOKEN",
    "OS_AK",
    "OS_SK",
    "OS_APPLICATION_CREDENTIAL_ID",
    "OS_APPLICATION_CREDENTIAL_NAME",
    "OS_APPLICATION_CREDENTIAL_SECRET",
)
# They choose clouds and files, and are no keys of an entry. OS_PROFILE is a key of osprofiler.
_NO_KEYS = frozenset(
    {
        "OS_AUTH",
        "OS_CLIENT_CONFIG_FILE",
        "OS_CLIENT_SECURE_FILE",
        "OS_CLIENT_VENDOR_FILE",
        "OS_CLOUD",
        "OS_CLOUD_NAME",
        "OS_PROFILE",
    }
)
_OF_OTHER_PROGRAMS = ("OS_TEST", "OS_STD", "OS_LOG")
# They say nothing without an address, unlike OS_CACERT, which counts for each cloud.
_ONLY_WITH_ADDRESS = (
    "OS_CERT",
    "OS_ENDPOINT_TYPE",
    "OS_INSECURE",
    "OS_INTERFACE",
    "OS_KEY",
    "OS_PROJECT_ID",
    "OS_PROJECT_NAME",
    "OS_REGION_NAME",
    "OS_TENANT_ID",
    "OS_TENANT_NAME",
    "OS_VERIFY",
)


def load_clouds(
    environ: Mapping[str, str], *, cwd: Path, home: Path, only: Sequence[str] = ()
) -> dict[str, CloudConfig]:
    """Returns every configured cloud by name, or those in `only`, else the one that OS_CLOUD
    names; none at all is an empty dict.
    """
    readers = _readers(environ, cwd=cwd, home=home)
    chosen_by = "VBSDASH_CLOUDS"
    names = only
    if not names and environ.get("OS_CLOUD"):
        chosen_by = "OS_CLOUD"
        names = [environ["OS_CLOUD"]]
    for name in names:
        if name not in readers:
            choices = ", ".join(shown(name) for name in sorted(readers))
            cure = "correct the name"
            if not readers:
                choices = "no cloud at all"
                cure = f"{cure}, write a clouds.yaml (README.md), or unset {chosen_by}"
            raise ConfigurationError(
                f"{chosen_by} names {quoted(name)}, but there is {choices}: {cure}."
            )
    proxies = read_proxies(environ)
    clouds: dict[str, CloudConfig] = {}
    for name in names or readers:
        config = readers[name].config(name)
        warnings = (*config.warnings, *proxies.warnings())
        clouds[name] = replace(config, proxies=proxies, warnings=warnings)
        proxies.check(clouds[name].urls)
    return clouds


def choice_notices(
    environ: Mapping[str, str], configured: Iterable[str], *, only: Sequence[str] = ()
) -> list[str]:
    """Returns what to say at the start of variables that choose clouds, or that do nothing.
    `configured` are the clouds in use.
    """
    notices: list[str] = []
    chosen = environ.get("OS_CLOUD")
    if chosen and not only:
        notices.append(
            f"OS_CLOUD is set: {chosen} is the only cloud that is used. Unset it to use all, or "
            "list those you want in VBSDASH_CLOUDS."
        )
    if chosen and only and list(only) != [chosen]:
        notices.append("OS_CLOUD is not used: VBSDASH_CLOUDS says which clouds are.")
    if environ.get("OS_CLIENT_VENDOR_FILE"):
        notices.append("OS_CLIENT_VENDOR_FILE is not used: profiles are not supported.")
    name = environ.get("OS_CLOUD_NAME") or ENVVARS
    if name not in configured and not _makes_cloud(environ):
        idle = [variable for variable in _ONLY_WITH_ADDRESS if environ.get(variable)]
        if idle:
            notices.append(
                f"{', '.join(idle)}: not used, OS_* variables make a cloud only with OS_AUTH_URL."
            )
    return notices


def _readers(environ: Mapping[str, str], *, cwd: Path, home: Path) -> dict[str, EntryReader]:
    readers: dict[str, EntryReader] = {}
    file = clouds_file.read(environ, cwd=cwd, home=home)
    if file is not None:
        for name, entry in file.entries.items():
            keys = ConfigKeys(f"{file.paths[name]}, cloud {shown(name)}")
            readers[name] = EntryReader(keys, entry, environ, cwd, file.warnings)
    if _makes_cloud(environ):
        name = environ.get("OS_CLOUD_NAME") or ENVVARS
        if name in readers:
            raise ConfigurationError(
                f"{readers[name].keys.place}: the OS_* variables make a cloud of the same name: "
                "rename this one, or unset OS_AUTH_URL."
            )
        keys = ConfigKeys("The OS_* variables", from_variables=True)
        readers[name] = EntryReader(keys, _from_environ(environ), environ, cwd)
    return readers


def _makes_cloud(environ: Mapping[str, str]) -> bool:
    return any(environ.get(name) for name in _SIGN_IN_VARIABLES)


def _from_environ(environ: Mapping[str, str]) -> dict[str, object]:
    """Returns the entry that the variables stand for; an empty one is not set."""
    entry: dict[str, object] = {}
    for name, value in environ.items():
        if not value or not name.startswith("OS_") or name in _NO_KEYS:
            continue
        if not name.startswith(_OF_OTHER_PROGRAMS):
            entry[name.removeprefix("OS_").lower()] = value
    return entry
