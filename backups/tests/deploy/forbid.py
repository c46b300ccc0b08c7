"""Becomes a command after forbidding this process what the units forbid theirs, by filters of
system calls: `python forbid.py RULES.json COMMAND …`. systemd makes its filters by it too.

It runs outside of the project, beside a copy of pyseccomp.
"""

import json
import mmap
import os
import sys

import pyseccomp as seccomp

EPERM = 1
EAFNOSUPPORT = 97
FAMILIES = range(46)  # of <linux/socket.h>


def forbid(allowed_calls: list[str], allowed_families: list[int]) -> None:
    arguments = seccomp.SyscallFilter(seccomp.ALLOW)
    for family in FAMILIES:
        if family not in allowed_families:
            is_family = seccomp.Arg(0, seccomp.EQ, family)
            arguments.add_rule(seccomp.ERRNO(EAFNOSUPPORT), "socket", is_family)
    # MemoryDenyWriteExecute: what can be written is never run.
    both = mmap.PROT_WRITE | mmap.PROT_EXEC
    is_both = seccomp.Arg(2, seccomp.MASKED_EQ, both, both)
    arguments.add_rule(seccomp.ERRNO(EPERM), "mmap", is_both)
    is_run = seccomp.Arg(2, seccomp.MASKED_EQ, mmap.PROT_EXEC, mmap.PROT_EXEC)
    arguments.add_rule(seccomp.ERRNO(EPERM), "mprotect", is_run)
    arguments.add_rule(seccomp.ERRNO(EPERM), "pkey_mprotect", is_run)
    calls = seccomp.SyscallFilter(seccomp.ERRNO(EPERM))
    for name in allowed_calls:
        try:
            calls.add_rule(seccomp.ALLOW, name)
        except (OSError, ValueError):
            # A call of another kind of machine.
            continue
    arguments.load()
    calls.load()


if __name__ == "__main__":
    with open(sys.argv[1]) as file:
        rules = json.load(file)
    forbid(rules["calls"], rules["families"])
    os.execv(sys.argv[2], sys.argv[2:])
