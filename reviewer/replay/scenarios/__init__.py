"""Replay cases as data, made ready on a tree, and what must hold in them."""
