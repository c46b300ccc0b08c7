"""Writes what vbsdash runs on as an SBOM (CycloneDX, JSON) and as a list of licences; fails where a
licence is not among those of licences.toml.

The pins give name, version and hashes, also of packages that this platform does not install; the
installed packages say their licences. `sbom.py REQUIREMENTS FOLDER [--unvalidated]`; to validate
takes longer than all the rest.
"""

import json
import re
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator

HERE = Path(__file__).parent
SPEC_VERSION = "1.6"
NOT_ALLOWED = 1
BROKEN = 2


def main(requirements: str, folder: Path, *, is_validated: bool = True) -> int:
    rules = tomllib.loads((HERE / "licences.toml").read_text())
    bom = components_of("requirements", requirements)
    installed = components_of("environment", sys.executable)
    licence_by_name = {
        normal(component["name"]): component.get("licenses", [])
        for component in installed["components"]
    }
    lines: list[str] = []
    problems: list[str] = []
    for component in sorted(bom["components"], key=lambda component: str(component["name"])):
        name = normal(component["name"])
        licence = rules["stated"].get(name) or expression_of(licence_by_name.get(name, []))
        if licence not in rules["allowed"]:
            problems.append(
                f"{name} {component['version']}: its licence is {licence or 'not stated'}, which "
                ".ci/licences.toml does not allow."
            )
        if licence:
            component["licenses"] = [{"expression": licence}]
        lines.append(f"{name}\t{component['version']}\t{licence or '-'}\n")
    folder.mkdir(parents=True, exist_ok=True)
    text = json.dumps(bom, indent=1, sort_keys=True) + "\n"
    (folder / "sbom.json").write_text(text)
    (folder / "licences.txt").write_text("".join(lines))
    fault = None
    if is_validated:
        fault = JsonStrictValidator(SchemaVersion.from_version(SPEC_VERSION)).validate_str(text)
    if fault is not None:
        print(f"the SBOM is none: {fault}", file=sys.stderr)
        return BROKEN
    for problem in problems:
        print(problem, file=sys.stderr)
    print(f"{len(lines)} packages in {folder}/sbom.json, their licences in {folder}/licences.txt")
    return NOT_ALLOWED if problems else 0


def components_of(kind: str, what: str) -> dict[str, Any]:
    """Returns what cyclonedx-py finds in a file of requirements, or in the environment of a Python.
    It is validated once, at the end.
    """
    command = [sys.executable, "-m", "cyclonedx_py", kind, what, "--output-reproducible"]
    command += ["--no-validate", "--sv", SPEC_VERSION]
    done = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603
    if done.returncode:
        print(done.stderr, file=sys.stderr)
        sys.exit(BROKEN)
    bom: dict[str, Any] = json.loads(done.stdout)
    return bom


def normal(name: str) -> str:
    """Returns the one spelling of a package's name."""
    return re.sub("[-_.]+", "-", name).lower()


def expression_of(licences: list[dict[str, Any]]) -> str:
    """Returns the one licence that a package states in words of SPDX; nothing where it states
    several, or in other words.
    """
    if len(licences) != 1:
        return ""
    if "expression" in licences[0]:
        return str(licences[0]["expression"])
    return str(licences[0]["license"].get("id", ""))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], Path(sys.argv[2]), is_validated="--unvalidated" not in sys.argv))
