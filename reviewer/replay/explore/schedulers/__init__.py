"""Strategies that choose who runs next, one to a file, and the driver that obeys them."""
