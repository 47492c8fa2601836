"""The order of the stages: mail, tree, facts, analysis, checks, replay. Nobody else knows it."""
