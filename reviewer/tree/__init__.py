"""A git kernel tree at a revision, and a series applied to it, without touching the checkout. No C."""
