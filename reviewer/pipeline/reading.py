"""Reads the C of one commit of a tree."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from reviewer.cfacts.codebase import CodeBase
from reviewer.model.review import Base
from reviewer.model.source import SourceTree
from reviewer.model.vocabulary import Vocabulary
from reviewer.pipeline.options import Options
from reviewer.tree.repo import KernelTree, default_cache_dir


def find_outside(words: Vocabulary, source: SourceTree) -> frozenset[str]:
    """Return the files outside of the scope that matter.

    They count mappings, hand out hugetlb pages, or are what user space comes in through.
    """
    counting = source.grep_words(words.counting.outside, words.counting.outside_of)
    return frozenset(counting).union(filter(source.exists, words.reach_files))


def read_code(
    options: Options,
    words: Vocabulary,
    source: SourceTree,
    *,
    like: CodeBase | None = None,
    also: Sequence[str] = (),
    paths: Iterable[str] = (),
) -> CodeBase:
    """Read one tree; ``like`` is what was read of one that differs little.

    Files outside of the scope that hold one of the words ``also`` are read too, those that
    ``find_outside`` names, and ``paths``, where the tree has them.
    """
    cache = options.cache_dir or default_cache_dir()
    extra = sorted(find_outside(words, source).union(filter(source.exists, paths)))
    return CodeBase(
        source, options.config, cache, also=also, extra=extra, like=like, report=options.tell
    )


def choose_base(tree: KernelTree, given: str) -> Base:
    """Return the commit a tree is looked at without a series.

    Raises:
        BadInputError: the revision is unknown.
    """
    return Base(tree.resolve(given or "HEAD"), f"--base {given}" if given else "HEAD")
