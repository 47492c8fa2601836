"""mm-reviewer: reviews Linux memory-management patch series for compound-page bugs."""
