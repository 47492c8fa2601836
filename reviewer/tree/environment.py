"""What git is told so that it reads only and runs nothing but itself."""

from __future__ import annotations

import os
from collections.abc import Iterable

ENVIRONMENT = {
    "GIT_CONFIG_NOSYSTEM": "1",
    "GIT_CONFIG_SYSTEM": os.devnull,
    "GIT_CONFIG_GLOBAL": os.devnull,
    "GIT_ATTR_NOSYSTEM": "1",
    "GIT_OPTIONAL_LOCKS": "0",
    "GIT_NO_REPLACE_OBJECTS": "1",
    "GIT_NO_LAZY_FETCH": "1",
    "GIT_ALLOW_PROTOCOL": "",  # overrides protocol.<name>.allow of the repository too
    "GIT_TERMINAL_PROMPT": "0",
    "GIT_ASKPASS": "false",
    "SSH_ASKPASS": "false",
    "GIT_PAGER": "cat",
    "GIT_EDITOR": "false",
    "GIT_FLUSH": "1",
    "GIT_ALLOC_LIMIT": "1g",  # a binary patch of a few kilobytes may unpack to any size
}
CONFIG = (
    f"core.hooksPath={os.devnull}",
    f"core.attributesFile={os.devnull}",
    f"core.excludesFile={os.devnull}",
    "core.fsmonitor=false",
    "core.untrackedCache=false",
    "core.pager=cat",
    "core.quotePath=false",
    "protocol.allow=never",
    "gc.auto=0",
    "maintenance.auto=false",
    "advice.detachedHead=false",
    "safe.directory=*",  # as root or from a container; nothing of the repository is run
)
_KEPT_VARIABLES = {"GIT_EXEC_PATH", "GIT_PYTHON_REFRESH", "GIT_PYTHON_GIT_EXECUTABLE"}


def without_variables(ours: Iterable[str]) -> list[str]:
    """Return the start of a command that drops git's variables set by our caller.

    A git hook sets GIT_DIR and GIT_INDEX_FILE; GitPython can add variables and not take any.
    """
    kept = _KEPT_VARIABLES.union(ours)
    names = [name for name in sorted(os.environ) if name.startswith("GIT_") and name not in kept]
    if not names:
        return []
    return ["env", *(word for name in names for word in ("-u", name))]
