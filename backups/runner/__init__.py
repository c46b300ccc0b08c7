"""Starts, watches, restarts and stops the processes of `manage.py up`. Standard library only:
small.
"""
