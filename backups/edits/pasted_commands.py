"""The commands in a session of a terminal: which they are, and what their lines and what they print
are about.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from backups.edits.pasted_labels import BACKUP, DISK, OWN, SERVER, meaning, words_of
from backups.vbs.id_text import canonical

_LINK: Final = re.compile(r"https?://[^\s\"'<>|\\^`{}]{1,4000}")
_ID_IN_PATH: Final = re.compile(r"[0-9A-Fa-f-]{32,36}")
_PROMPT_MARK: Final = re.compile(r"[$#%>)]|\.\.\.|\]:")
_PROMPT: Final = re.compile(
    r"\s*(?:\([^()\s]{1,40}\)\s*)?"
    r"(?:[\w.-]{1,64}@[\w.-]{1,64}[^$#%>\n]{0,120}[$#%>]|\[[^\]\n]{1,120}\][$#]|[$#%>]|PS\s[^>\n]{0,120}>"
    r"|[A-Z]:\\[^>\n]{0,120}>|[\w.-]{1,20}[$#]|\(openstack\)|\((?:Pdb|py)\)|>>>|\.\.\.|In\s\[\d+\]:)"
    r"(?:\s+|$)"
)
_TOOLS_TEXT: Final = (
    "openstack cinder nova glance neutron os terraform tofu curl wget http https xh "
    "kubectl hcloud otc jq yq cat echo grep export for python python3 manage.py"
)
_TOOLS: Final = frozenset(_TOOLS_TEXT.split())
_TOOL: Final = re.compile(
    r"\s*(?:sudo\s+|time\s+)?(openstack|cinder|nova|glance|terraform|tofu|curl|wget)\s+\S"
)


@dataclass(frozen=True)
class CommandObjects:
    """What a command is about: `taken`: of what the IDs in its line are, in order; `printed`: what
    it prints.
    """

    taken: Sequence[str]
    printed: str | None


def command_of(line: str) -> str | None:
    """Returns the command of a line with a prompt, or one that begins with a client's name; None
    when the line is no such line.
    """
    prompt = _PROMPT.match(line) if _PROMPT_MARK.search(line) else None
    if prompt:
        command = line[prompt.end() :]
        first = command.split(maxsplit=1)[0] if command.strip() else ""
        if not first or first in _TOOLS or "@" in prompt[0] or "PS " in prompt[0]:
            return command
        if first.rpartition("/")[2] in _TOOLS:
            return command
        if prompt[0].strip() in ("$", ">>>") and canonical(first) is None:
            return command
    return line.lstrip() if _TOOL.match(line) else None


def objects_of(command: str) -> CommandObjects:
    words: list[str] = []
    is_value = False
    for part in command.split():
        if part in ("|", ">", "&&", ";") or canonical(part) is not None:
            break
        if part.startswith("-"):
            if len(words) > 1:
                break
            # An option of the client itself, as `--os-cloud otc`.
            is_value = "=" not in part
        elif is_value:
            is_value = False
        else:
            words += words_of(part)
    tool = words[0] if words else ""
    if tool in ("openstack", "cinder", "nova", "glance", "os"):
        kind = meaning(words, skipping_unknown=True)
        if kind in (None, OWN):
            kind = {"cinder": DISK, "nova": SERVER}.get(tool)
        if kind == BACKUP and "create" in words:
            return CommandObjects([DISK], BACKUP)
        if kind == BACKUP and "restore" in words:
            return CommandObjects([BACKUP, DISK], None)
        return CommandObjects([kind] if kind else [], kind)
    link = _LINK.search(command)
    if link:
        path = re.sub(r"://[^/]*", " ", link[0])
        kind = meaning(words_of(_ID_IN_PATH.sub(" ", path)), skipping_unknown=True)
        return CommandObjects([], None if kind == OWN else kind)
    return CommandObjects([], None)
