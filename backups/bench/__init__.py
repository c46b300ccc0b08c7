"""What `make bench` measures: each module's `run(report)` adds rows, as ratios to a bare reference
of the same run.

`fill(…)` gives a module a large, lifelike set of tracked backups. `manage.py bench [NAME …]` runs
the named modules.
"""
