"""Runs lowered functions as threads, from an entry point on."""
