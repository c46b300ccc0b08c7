"""A faithful local VBS, CBR, Keystone and volume list for tests and the demo, written from
`backups/vbs/API.md` and samples.

Paths under one port: `/v3` Keystone, `/v2/{project_id}` VBS with its policies, `/v1/{project_id}`
its jobs, `/cbr/v3/{project_id}` CBR, `/evs/v2|v3/{project_id}` volumes; in the flavor "cinder"
`/volume/v3/{project_id}` has both backups and volumes. What the documents leave open is a switch of
`Doubts`.
"""

from backups.simulator.doubts import Doubts
from backups.simulator.faults import KINDS, Fault, FaultError, parse_fault
from backups.simulator.policy import Deviation, Habit, Outcome, Resource
from backups.simulator.record import Request
from backups.simulator.simulator import Simulator

__all__ = [
    "KINDS",
    "Deviation",
    "Doubts",
    "Fault",
    "FaultError",
    "Habit",
    "Outcome",
    "Request",
    "Resource",
    "Simulator",
    "parse_fault",
]
