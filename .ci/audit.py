"""Asks a database of known vulnerabilities about all pinned packages, by pip-audit.

pip-audit leaves out what its database did not answer about, says that nothing was found, and ends
with 0. Here that is a result of its own. `audit.py [REQUIREMENTS] [OPTIONS OF PIP-AUDIT …]`

0: each package was audited and none has a known vulnerability. 1: some have. 3: could not be
audited, all of them or some.
"""

import json
import subprocess
import sys
from typing import Any

VULNERABLE = 1
NOT_AUDITED = 3
LONGEST_REASON = 300  # characters


def main(arguments: list[str]) -> int:
    what = arguments
    if not arguments or arguments[0].startswith("-"):
        what = ["requirements.txt", *arguments]
    options = what[1:]
    if "--path" not in options:
        options += ["-r", what[0], "--disable-pip", "--require-hashes"]
    command = [sys.executable, "-m", "pip_audit", "--format", "json", "--progress-spinner", "off"]
    done = subprocess.run([*command, *options], capture_output=True, text=True, check=False)  # noqa: S603
    try:
        packages: list[dict[str, Any]] = json.loads(done.stdout)["dependencies"]
    except (ValueError, KeyError, TypeError):
        print(f"could not be audited: {last_line(done.stderr)}")
        return NOT_AUDITED
    return report(packages)


def report(packages: list[dict[str, Any]]) -> int:
    skipped = [package for package in packages if "skip_reason" in package]
    vulnerable = [package for package in packages if package.get("vulns")]
    for package in vulnerable:
        for vulnerability in package["vulns"]:
            fixed = " or ".join(vulnerability.get("fix_versions", [])) or "no version"
            print(
                f"vulnerable: {package['name']} {package['version']}: {vulnerability['id']}, "
                f"fixed in {fixed}"
            )
    if skipped or not packages:
        reason = skipped[0]["skip_reason"] if skipped else "there is no package"
        print(
            f"could not be audited: {len(skipped)} of {len(packages)} packages "
            f"({shortened(reason)})"
        )
    if vulnerable:
        return VULNERABLE
    if skipped or not packages:
        return NOT_AUDITED
    print(f"{len(packages)} packages audited, no known vulnerability")
    return 0


def last_line(text: str) -> str:
    """Returns what pip-audit said last; a traceback ends with the error."""
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return shortened(lines[-1]) if lines else "pip-audit gave no answer"


def shortened(text: str) -> str:
    text = " ".join(text.split())
    return text if len(text) <= LONGEST_REASON else text[: LONGEST_REASON - 1] + "…"


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
