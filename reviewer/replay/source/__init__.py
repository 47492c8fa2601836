"""The counting scheme as the tree's own functions have it."""
