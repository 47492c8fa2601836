"""Lowers the tree's C functions to the machine's instructions."""
