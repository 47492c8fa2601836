"""The reference model: the counting scheme, and processes that map a range."""
