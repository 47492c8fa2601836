"""Runs a call path on simulated struct pages under all interleavings within a bound."""
