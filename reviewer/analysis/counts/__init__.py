"""What code does with the counters of a page: which it reads, moves, and in what order.

Position and stability are another question, asked of other values: nothing here knows pins.
"""
