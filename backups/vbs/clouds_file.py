"""Reads clouds.yaml and secure.yaml: where other OpenStack tools look, and what stands there.

What YAML or JSON would drop in silence (the first of two equal keys, a second document) is
refused. A mistake is a ConfigurationError: one sentence that names file, line or key, and cure. It
quotes no value, which may be a password.
"""

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from json import JSONDecodeError
from pathlib import Path
from typing import Any, NoReturn

import yaml
from yaml.constructor import ConstructorError
from yaml.nodes import MappingNode, Node, ScalarNode

from backups.vbs.errors import ConfigurationError
from backups.vbs.known_keys import is_private, near, shown, without_value

_SUFFIXES = (".yaml", ".yml", ".json")
# Sections of the file that other tools read. None of them says how a cloud is reached.
_OTHER_SECTIONS = frozenset(
    {
        "ansible",
        "cache",
        "client",
        "functional",
        "identity",
        "metrics",
        "openstack",
        "public-clouds",
        "shade",
        "sops",
    }
)
_NO_SUCH_VALUE = "no such value"
_MERGE_TAG = "tag:yaml.org,2002:merge"
# A line whose indentation holds a hard blank or another of Unicode's.
_ODD_INDENT = re.compile(r"^[ \t]*[^\S \t\r\n]", re.MULTILINE)


@dataclass(frozen=True)
class CloudsFile:
    """`entries`: what stands below each name; `paths`: in which file. `warnings`: sentences about
    the rest of the files.
    """

    entries: Mapping[str, object]
    paths: Mapping[str, Path]
    warnings: tuple[str, ...] = ()


def read(environ: Mapping[str, str], *, cwd: Path, home: Path) -> CloudsFile | None:
    """Returns the first clouds.yaml with the first secure.yaml merged in; None without either.

    A secure.yaml beside the file comes before others. One that stands elsewhere adds to the clouds
    of the file and makes no further ones.
    """
    folders = _folders(environ, cwd, home)
    path = path_in_use(environ, cwd=cwd, home=home)
    secure_path = _given_file(environ, "OS_CLIENT_SECURE_FILE", cwd)
    is_beside = secure_path is not None
    if secure_path is None and path is not None:
        secure_path = _first_file("secure", [path.parent])
        is_beside = secure_path is not None
    if secure_path is None:
        secure_path = _first_file("secure", folders)
    clouds = None if path is None else _read_file(path)
    if secure_path is None:
        return clouds
    secure = _read_file(secure_path)
    if clouds is None:
        return secure
    entries = dict(secure.entries)
    if not is_beside:
        entries = {name: entry for name, entry in entries.items() if name in clouds.entries}
    warnings = tuple(dict.fromkeys([*clouds.warnings, *secure.warnings]))
    paths = {**secure.paths, **clouds.paths}
    return CloudsFile(_merged(clouds.entries, entries), paths, warnings)


def path_in_use(environ: Mapping[str, str], *, cwd: Path, home: Path) -> Path | None:
    """Returns the clouds.yaml that counts; None where there is none."""
    given = _given_file(environ, "OS_CLIENT_CONFIG_FILE", cwd)
    return given or _first_file("clouds", _folders(environ, cwd, home))


def expanded(path: str) -> Path:
    """Replaces `~`; a user that does not exist leaves it as it is."""
    try:
        return Path(path).expanduser()
    except RuntimeError:
        return Path(path)


def _folders(environ: Mapping[str, str], cwd: Path, home: Path) -> Sequence[Path]:
    folders = [cwd]
    xdg_home = environ.get("XDG_CONFIG_HOME")
    if xdg_home:
        folders.append(Path(xdg_home) / "openstack")
    folders.append(home / ".config" / "openstack")
    folders.append(Path("/etc/xdg/openstack"))
    folders.append(Path("/etc/openstack"))
    return folders


def _given_file(environ: Mapping[str, str], name: str, cwd: Path) -> Path | None:
    setting = environ.get(name)
    if not setting:
        return None
    path = cwd / expanded(setting)
    if not path.is_file():
        raise ConfigurationError(f"{name} names {path}, which is no file: correct the path.")
    return path


def _first_file(stem: str, folders: Sequence[Path]) -> Path | None:
    """Returns the first file of this name, whichever of the suffixes it has."""
    for folder in folders:
        for suffix in _SUFFIXES:
            file = folder / f"{stem}{suffix}"
            if file.is_file():
                return file
    return None


def _merged(below: Mapping[str, object], above: Mapping[str, object]) -> dict[str, object]:
    """Returns `below` with the values of `above`, mapping by mapping."""
    merged = dict(below)
    for key, value in above.items():
        covered = merged.get(key)
        if isinstance(value, dict) and isinstance(covered, dict):
            merged[key] = _merged(covered, value)
        else:
            merged[key] = value
    return merged


def _read_file(path: Path) -> CloudsFile:
    content = parse(path)
    if content is None or content == {}:  # An empty file has no clouds, which is no mistake.
        return CloudsFile({}, {})
    if not isinstance(content, dict) or "clouds" not in content:
        _refuse_without_clouds(path, content)
    clouds: object = content["clouds"]
    if not clouds:
        beside = [key for key, value in content.items() if _is_entry(value) and not is_private(key)]
        if beside:
            names = ", ".join(shown(key) for key in beside)
            raise ConfigurationError(
                f"{path} has no cloud under the key clouds: indent {names} below it."
            )
    if clouds is None:
        clouds = {}
    if not isinstance(clouds, dict):
        raise ConfigurationError(
            f"{path} has no mapping under the key clouds: write each cloud below it as NAME: and "
            "its keys below that, without a dash."
        )
    for name in clouds:
        if not isinstance(name, str):
            raise ConfigurationError(
                f"{path} has a cloud whose name is no text to YAML, which reads it as "
                f"{shown(name)}: put the name in quotes."
            )
    # An anchor's home may stand among the clouds.
    entries = {
        name: entry for name, entry in clouds.items() if not is_private(name) or _is_entry(entry)
    }
    return CloudsFile(entries, dict.fromkeys(entries, path), _section_warnings(path, content))


def _refuse_without_clouds(path: Path, content: object) -> NoReturn:
    if isinstance(content, str) and content.startswith("$ANSIBLE_VAULT"):
        raise ConfigurationError(f"{path} is encrypted by ansible-vault: decrypt it.")
    cure = "write clouds: and each cloud below it"
    if isinstance(content, dict):
        at_the_top = [shown(key) for key, value in content.items() if _is_entry(value)]
        misspelt = [key for key in content if near(str(key).lower(), ["clouds"])]
        if at_the_top:
            cure = f"write clouds: above {', '.join(at_the_top)}, and indent what follows"
        elif misspelt:
            cure = f"{shown(misspelt[0])} looks like it, correct it"
    raise ConfigurationError(f"{path} has no mapping under the key clouds: {cure}.")


def _is_entry(value: object) -> bool:
    return isinstance(value, dict) and ("auth" in value or "auth_url" in value)


def _section_warnings(path: Path, content: Mapping[object, object]) -> tuple[str, ...]:
    warnings: list[str] = []
    for key, value in content.items():
        if key == "clouds" or key in _OTHER_SECTIONS or is_private(key):
            continue
        if _is_entry(value):
            cure = "indent it below clouds, or begin its name with x- if it is only an anchor"
        else:
            cure = "remove it, or indent it below the cloud it belongs to"
        sentence = f"nobody knows the key {shown(key)} beside clouds: {cure}"
        if value is None:
            sentence = without_value(key)
        warnings.append(f"{path}: {sentence}.")
    return tuple(warnings)


# The text of a file


class _Duplicate(yaml.YAMLError):
    """Two equal keys of one mapping; `place` says where."""

    def __init__(self, key: object, place: str) -> None:
        super().__init__()
        self.key = key
        self.place = place


class _Loader(yaml.SafeLoader):
    """Refuses a key that stands twice: YAML itself would take the last one."""

    def compose_mapping_node(self, anchor: Any) -> MappingNode:
        # Later, merge keys (<<) have added keys, which may be there twice.
        node = super().compose_mapping_node(anchor)
        lines: dict[tuple[str, str], int] = {}
        for key, _ in node.value:
            if not isinstance(key, ScalarNode) or key.tag == _MERGE_TAG:
                continue
            line = key.start_mark.line + 1
            first_line = lines.get((key.tag, key.value))
            if first_line is not None:
                lines_of_both = f"lines {first_line} and {line}"
                if first_line == line:
                    lines_of_both = f"line {line}"
                raise _Duplicate(key.value, f", in {lines_of_both}")
            lines[key.tag, key.value] = line
        return node

    def construct_object(self, node: Node, deep: bool = False) -> object:
        """Returns the value of a node; of one that is no number, date or truth value, as it looks
        like or as its tag says, the error has a place.
        """
        try:
            return super().construct_object(node, deep)
        except (AttributeError, KeyError, OverflowError, TypeError, ValueError) as e:
            raise ConstructorError(None, None, _NO_SUCH_VALUE, node.start_mark) from e


def parse(path: Path) -> object:
    """Returns what stands in a file of YAML, or of JSON by its suffix.

    Raises ConfigurationError.
    """
    try:
        text = path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as e:
        raise ConfigurationError(f"{path} cannot be read: make it a readable UTF-8 file.") from e
    odd_line = _ODD_INDENT.search(text)
    if odd_line is not None:
        line = text.count("\n", 0, odd_line.end()) + 1
        raise ConfigurationError(
            f"{path}, line {line}, begins with a blank that is none to YAML, as web pages have "
            "it: write plain blanks there."
        )
    try:
        if path.suffix == ".json":
            return json.loads(text, object_pairs_hook=_json_object)
        return yaml.load(text, _Loader)  # noqa: S506 — it is a SafeLoader
    except _Duplicate as e:
        raise ConfigurationError(
            f"{path} has the key {shown(e.key)} twice{e.place}: remove one of them."
        ) from None
    except JSONDecodeError as e:
        place = f" at line {e.lineno}, column {e.colno}"
        raise ConfigurationError(f"{path} is not valid JSON{place}: correct it there.") from None
    except RecursionError:
        raise ConfigurationError(f"{path} is nested too deeply: correct it.") from None
    except yaml.YAMLError as e:
        raise ConfigurationError(f"{path} is not valid YAML{_what_is_wrong(e)}.") from None


def _json_object(pairs: Sequence[tuple[str, object]]) -> dict[str, object]:
    """Returns one object of JSON; of equal keys JSON would take the last one."""
    values: dict[str, object] = {}
    for key, value in pairs:
        if key in values:
            raise _Duplicate(key, "")
        values[key] = value
    return values


def _what_is_wrong(error: yaml.YAMLError) -> str:
    """Returns the place and the cure of an error of YAML."""
    if isinstance(error, yaml.reader.ReaderError):
        return f": remove the control character at position {error.position}"
    if not isinstance(error, yaml.MarkedYAMLError):
        return ": correct it"
    mark = error.problem_mark
    place = f" at line {mark.line + 1}, column {mark.column + 1}" if mark else ""
    problem = error.problem or ""
    if "another document" in problem:
        return f"{place}: keep one document, without --- in between"
    if "'\\t'" in problem:
        return f"{place}: write blanks there, not a tab"
    if problem == _NO_SUCH_VALUE:
        return f"{place}: put the value in quotes, it is no number or date that there is"
    if "could not determine a constructor" in problem:
        cure = "remove the tag (!…) there and write the value itself"
        return f"{place}: {cure}, in quotes if it begins with !"
    if "mapping values are not allowed" in problem:
        cure = "put a value that holds a colon and a blank in quotes"
        return f"{place}: {cure}, or correct how far the line is indented"
    if "unknown escape character" in problem:
        return f"{place}: put a value that holds a \\ in single quotes"
    if "expected <block end>, but found '<scalar>'" in problem:
        cure = "put a value that holds double quotes in single quotes"
        return f"{place}: {cure}, or correct how far the line is indented"
    if "undefined alias" in problem or "cannot start any token" in problem:
        return f"{place}: put a value that begins with * & @ % or ` in quotes"
    return f"{place}: correct it there"
