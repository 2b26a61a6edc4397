"""The configuration of a sandbox for a service with these settings, as `xcert serve` starts one beside it."""

from __future__ import annotations

from dataclasses import fields, replace

from server import settings as settings_module
from server.sandbox import environment
from server.sandbox.config import SandboxConfig, Template
from server.settings import Settings


def from_settings(settings: Settings) -> SandboxConfig:
    """By the environment that the service gives its child; the templates are called as the settings call them."""
    titles = {
        str(getattr(settings, f.name)): f.metadata["help"].rpartition("：")[2]
        for f in fields(settings)
        if environment.TEMPLATE.fullmatch(f.metadata["env"])
    }
    config = environment.from_environment(settings_module.as_environment(settings))
    return replace(config, templates=tuple(_titled(one, titles) for one in config.templates))


def _titled(template: Template, titles: dict[str, str]) -> Template:
    return template if template.fields else replace(template, title=titles.get(template.id, template.title))
