"""The one door to jinja2: strict, sandboxed, templates of ours or the user's in their place.

Data is only ever a value of a template, never a template, so ``{{`` in a subject is text.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from jinja2 import BaseLoader, ChoiceLoader, FileSystemLoader, PackageLoader, StrictUndefined
from jinja2.exceptions import SecurityError, TemplateError, TemplateSyntaxError
from jinja2.sandbox import ImmutableSandboxedEnvironment

from reviewer.model.errors import BadInputError


def render_template(
    name: str, values: Mapping[str, object], *, user_dir: Path | None = None
) -> str:
    """Return the template filled in; one of the same name in ``user_dir`` replaces ours.

    ``.html`` templates escape what they print, others print it as it is.

    Raises:
        BadInputError: a user's template is missing, wrong, uses a name that is not there, or
            does what the sandbox forbids.

    """
    loader: BaseLoader = PackageLoader("reviewer.report", "templates")
    if user_dir is not None:
        loader = ChoiceLoader([FileSystemLoader(user_dir), loader])
    environment = ImmutableSandboxedEnvironment(
        loader=loader,
        undefined=StrictUndefined,
        autoescape=lambda template: template is not None and ".html" in template,
        keep_trailing_newline=True,
        trim_blocks=True,
        lstrip_blocks=True,
        auto_reload=False,
    )
    try:
        return environment.get_template(name).render(values)
    except TemplateSyntaxError as error:
        raise BadInputError(
            f"template {name}, line {error.lineno}: {error.message}; correct it"
        ) from error
    except SecurityError as error:
        raise BadInputError(f"template {name}: the sandbox forbids it: {error}") from error
    except TemplateError as error:
        raise BadInputError(f"template {name}: {error}; see the shipped template") from error
