"""The failing run written down: trace, page states, oops."""
