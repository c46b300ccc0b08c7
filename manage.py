#!/usr/bin/env python3
"""Django's command line for vbsdash."""

import os
import sys

if __name__ == "__main__":
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "vbsdash.settings")
    from vbsdash.command_line import run

    run(sys.argv)
