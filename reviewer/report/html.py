"""A review as one HTML file that needs nothing else: no network, no script to be read."""

from __future__ import annotations

import base64
import hashlib
from importlib.resources import files

from reviewer.model.review import Review
from reviewer.report.htmlview import make_view
from reviewer.report.render import render_template


def render_html(review: Review) -> str:
    """Return the page. Its policy allows its own style and script by their hashes, no more."""
    style, script = _asset("report.css"), _asset("player.js")
    policy = "; ".join(
        (
            "default-src 'none'",
            f"style-src '{_hash(style)}'",
            f"script-src '{_hash(script)}'",
            "base-uri 'none'",
            "form-action 'none'",
        )
    )
    values = {"view": make_view(review), "policy": policy, "style": style, "script": script}
    return render_template("report.html.j2", values)


def _asset(name: str) -> str:
    return files("reviewer.report").joinpath("templates", name).read_text("utf-8")


def _hash(text: str) -> str:
    return "sha256-" + base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
