"""The example units, and what stands in them."""

import re

from backups.tests.faults.parts import PROJECT

FOLDER = PROJECT / "backups" / "deploy" / "systemd"
UNITS = {file.name: file.read_text() for file in sorted(FOLDER.iterdir())}


def values(unit: str, name: str) -> list[str]:
    """What a setting of the unit is set to, once for each of its lines."""
    return re.findall(rf"^{name}=(.*)$", UNITS[unit], re.M)


COMMANDS = {unit: values(unit, "ExecStart")[0] for unit in UNITS}
