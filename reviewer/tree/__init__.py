"""A git kernel tree at a revision, and a series applied to it, its checkout untouched. No C."""
