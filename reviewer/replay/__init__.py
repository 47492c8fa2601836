"""Runs a call path on simulated struct pages under all interleavings within a bound.

The rooms, each using only those before it (the linter holds them to that):

- ``stepping``: what a thread and an execution are to the explorer.
- ``memory``: words, C's types and their layout, the struct pages in it.
- ``machine``: instructions over registers, and what boot set up.
- ``kernel_api``: the primitives that are modelled, in kernel spelling.
- ``lowering``: the tree's C functions become instructions.
- ``interpreter``: lowered functions run as threads, from an entry point on.
- ``scheme``: the reference model of the counters, and processes that map a range.
- ``source``: the same processes on the tree's own rmap; ``explore``: which interleavings.
- ``scenarios``: replay cases as data; ``histories``: what nothing runs beside.
- ``evidence``: the failing run written down.

``run`` replays one finding, ``lifecycle`` compares two trees.
"""
