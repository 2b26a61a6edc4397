"""The sandbox's own pages: Jinja2 templates beside this file."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from sanic import HTTPResponse, html

FOLDER = Path(__file__).parent
_templates = Environment(
    loader=FileSystemLoader(FOLDER / "templates"), autoescape=True, undefined=StrictUndefined
)


def render(name: str, *, status: int = 200, **context: Any) -> HTTPResponse:
    """A page that is never cached."""
    page = _templates.get_template(name).render(**context)
    return html(page, status=status, headers={"Cache-Control": "no-store"})
