"""A faithful local VBS, Keystone and volume list for tests and the demo, written from
`backups/vbs/API.md` and samples.

Paths under one port: `/v3` Keystone, `/v2/{project_id}` VBS, `/evs/v2|v3/{project_id}` volumes; in
the flavor "cinder" `/volume/v3/{project_id}` has both backups and volumes.
"""

from backups.simulator.faults import KINDS, Fault, FaultError, parse_fault
from backups.simulator.record import Request
from backups.simulator.simulator import Simulator

__all__ = ["KINDS", "Fault", "FaultError", "Request", "Simulator", "parse_fault"]
