"""The errors a user can meet, each with the exit code it ends the program with."""

from __future__ import annotations

from enum import IntEnum


class ExitCode(IntEnum):
    """What ``mm-review`` exits with; scripts rely on these numbers."""

    CLEAN = 0
    FINDINGS = 1
    BAD_INPUT = 2
    DOES_NOT_APPLY = 3
    NOT_ANALYSED = 4
    INTERRUPTED = 130


class ReviewError(Exception):
    """Base of every error that is the input's fault and not a bug of ours.

    The message is one line: what failed, where, and what to do about it.
    """

    exit_code = ExitCode.BAD_INPUT


class BadInputError(ReviewError):
    """The mail, the tree, a revision or an option is not what it must be."""


class DoesNotApplyError(ReviewError):
    """A patch of the series does not apply to the tree it was tried on."""

    exit_code = ExitCode.DOES_NOT_APPLY
