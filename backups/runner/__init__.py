"""Starts, watches, restarts and stops the processes of `manage.py up`.

Ours rather than honcho, which neither restarts a part that ends, nor stops the broker only after
those that need it, nor lets parts die with a killed runner. Standard library only, so it stays
small in memory.
"""
