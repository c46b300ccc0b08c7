"""Lets a whole Python process believe that it is another time, from its first line on.

The rig puts this folder on PYTHONPATH, so every Python process of a run imports it by itself.
`time.monotonic` is left alone. (Debian's faketime would do the same to any program, but Python 3.11
cannot sleep under it.)
"""

import os
from datetime import datetime

import time_machine

time_machine.travel(datetime.fromisoformat(os.environ["VBSDASH_RIG_NOW"]), tick=True).start()
