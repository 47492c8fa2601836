"""Loads ``rules/``: the rules and the vocabulary. The only package that knows their files."""

from reviewer.rulebook.data import find_data
from reviewer.rulebook.rules import load_rule, load_rules
from reviewer.rulebook.vocabulary import load_vocabulary

__all__ = ["find_data", "load_rule", "load_rules", "load_vocabulary"]
