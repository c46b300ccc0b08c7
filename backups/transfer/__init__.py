"""All rows into one file and back: `manage.py backup_data` and `restore_data`.

It is a room of its own because it reads and writes every table, and decides about none of the rows.
"""
