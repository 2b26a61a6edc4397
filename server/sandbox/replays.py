"""A scenario done once more, step after step, by the people of this sandbox."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from typing import Any

from server.sandbox import acts, limits
from server.sandbox.phone import ACTS
from server.sandbox.platform import Platform
from server.sandbox.scenarios import Scenario, Step
from server.sandbox.wechat_users import Person


@dataclass(slots=True)
class Replay:
    """How far it has come; `outcomes` holds a sentence for each step done, empty where it went well."""

    scenario: Scenario
    is_fast: bool
    outcomes: list[str] = field(default_factory=list)
    task: asyncio.Task[None] | None = None

    @property
    def is_over(self) -> bool:
        return self.task is None or self.task.done()

    def as_json(self) -> dict[str, Any]:
        steps = [
            {**step.as_json(), "problem": self.outcomes[place] if place < len(self.outcomes) else None}
            for place, step in enumerate(self.scenario.steps)
        ]
        return {
            "title": self.scenario.title,
            "is_fast": self.is_fast,
            "is_over": self.is_over,
            "done": len(self.outcomes),
            "failed": sum(bool(one) for one in self.outcomes),
            "steps": steps,
        }


def start(platform: Platform, scenario: Scenario, *, is_fast: bool) -> Replay:
    """Begin in the background; fast: no waiting but for the pushes of each step."""
    replay = Replay(scenario, is_fast)
    replay.task = platform.until_closed(_run(platform, replay))
    return replay


async def _run(platform: Platform, replay: Replay) -> None:
    for step in replay.scenario.steps:
        if not replay.is_fast:
            await asyncio.sleep(step.after)
        replay.outcomes.append(_do(platform, step))
        if replay.is_fast:
            await asyncio.wait({asyncio.create_task(platform.settle())}, timeout=limits.SETTLE_SECONDS)


def _do(platform: Platform, step: Step) -> str:
    """The step; why it could not be done, or nothing."""
    try:
        ACTS[step.act](platform, _person(platform, step.person), dict(step.body))
    except acts.CannotDo as problem:
        return str(problem)
    except (TypeError, ValueError, KeyError, AttributeError):  # a hand-written body that no act understands
        return "这一步的内容不对。"
    return ""


def _person(platform: Platform, name: str) -> Person:
    """Whoever is called so; a newcomer if nobody is."""
    return next((one for one in platform.people.everyone() if one.name == name), None) or platform.people.add(
        name
    )
