"""Histories in which nothing runs beside: recorded tables, accounting, costs."""
