"""The machine code runs on: instructions over registers, and what boot set up."""
