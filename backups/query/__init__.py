"""Filters, orders, free text and cursor pages of lists: one definition for pages, JSON and CSV.

It stays our own instead of django-filter and DRF's pagination, because a cursor of DRF cannot order
by a column that has nulls, by attention or backwards from the end, because neither of the two keeps
SQLite on the index of the order, and because the HTML pages read the same queries without DRF.
"""
