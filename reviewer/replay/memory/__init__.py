"""Simulated memory: words, C's types and their layout, the struct pages in it."""
