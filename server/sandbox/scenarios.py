"""What people did on their phones, kept as a scenario: recorded, checked, taken out and in, and done once more.

A scenario holds acts (follow, write, a tap on a menu, a scan …) with the seconds between them. What was typed into web
pages and into the mini-program is not in it: it is tied to one session, and mostly personal.
"""

from __future__ import annotations

import json
import time
from dataclasses import dataclass, field
from typing import Any

from server.sandbox import limits
from server.sandbox.store import Store
from server.sandbox.wechat_users import Person

FORMAT = "wechat-sandbox-scenario"
VERSION = 1
# Asked for by the code of a page, not done by a person; what they give lives five minutes.
NOT_KEPT = ("login", "phone_code", "user_data")


class BadScenario(ValueError):
    """Why a file is no scenario, in one sentence."""


@dataclass(frozen=True, slots=True)
class Step:
    """`after` so many seconds the person, by name, does this."""

    after: float
    person: str
    act: str
    body: dict[str, Any] = field(default_factory=dict)

    def as_json(self) -> dict[str, Any]:
        return {"after": self.after, "person": self.person, "act": self.act, "body": self.body}


@dataclass(frozen=True, slots=True)
class Scenario:
    title: str
    steps: tuple[Step, ...]

    @property
    def seconds(self) -> float:
        return round(sum(step.after for step in self.steps), 1)

    def as_json(self) -> dict[str, Any]:
        """The file."""
        steps = [step.as_json() for step in self.steps]
        return {"format": FORMAT, "version": VERSION, "title": self.title, "steps": steps}


def read(data: bytes, acts: frozenset[str]) -> Scenario:
    """A scenario from a file that anybody may have written.

    Raises:
        BadScenario: what is wrong with it first.
    """
    if len(data) > limits.SCENARIO_BYTES:
        raise BadScenario(f"场景文件不能超过 {limits.SCENARIO_BYTES // 1024} KB。")
    try:
        body = json.loads(data)
    except (ValueError, RecursionError):
        raise BadScenario("这不是场景文件：内容不是 JSON。") from None
    if not isinstance(body, dict) or body.get("format") != FORMAT or body.get("version") != VERSION:
        raise BadScenario("这不是场景文件：请选从“下载”得到的文件。")
    title, steps = body.get("title"), body.get("steps")
    if not isinstance(title, str) or not 0 < len(title.strip()) <= limits.SCENARIO_TITLE:
        raise BadScenario(f"场景的名称应为 1 到 {limits.SCENARIO_TITLE} 个字。")
    if not isinstance(steps, list) or not 0 < len(steps) <= limits.SCENARIO_STEPS:
        raise BadScenario(f"场景应有 1 到 {limits.SCENARIO_STEPS} 步。")
    return Scenario(title.strip(), tuple(_step(number, one, acts) for number, one in enumerate(steps, 1)))


def _step(number: int, one: Any, acts: frozenset[str]) -> Step:
    if not isinstance(one, dict):
        raise BadScenario(f"第 {number} 步不是一个对象。")
    after, person, act, body = one.get("after"), one.get("person"), one.get("act"), one.get("body", {})
    if not isinstance(after, (int, float)) or after is True or not 0 <= after <= limits.SCENARIO_PAUSE:
        raise BadScenario(f"第 {number} 步的 after 应为 0 到 {limits.SCENARIO_PAUSE} 的秒数。")
    if not isinstance(person, str) or not 0 < len(person.strip()) <= limits.NAME_LENGTH:
        raise BadScenario(f"第 {number} 步没有写明是谁（1 到 {limits.NAME_LENGTH} 个字的名字）。")
    if not isinstance(act, str) or act not in acts:
        raise BadScenario(f"第 {number} 步的动作“{str(act)[:30]}”没有。")
    if not isinstance(body, dict) or len(json.dumps(body)) > limits.SCENARIO_BODY:
        raise BadScenario(f"第 {number} 步的内容应为不太大的 JSON 对象。")
    return Step(after, person.strip(), act, body)


class Recorder:
    """Keeps what is done while it runs; one at a time, and through a restart."""

    def __init__(self, store: Store) -> None:
        self._store = store

    @property
    def now(self) -> dict[str, Any] | None:
        """What is being recorded: title, when it began, steps so far."""
        return self._store.get("scenario.recording", "now")

    def start(self, title: str) -> None:
        """Begin anew; what an unfinished recording held is lost."""
        body = {"title": title, "last": time.time(), "steps": []}
        self._store.put("scenario.recording", "now", body)

    def note(self, person: Person, act: str, body: dict[str, Any]) -> None:
        """A person has done this; a recording that is full ends by itself."""
        recording = self.now
        if recording is None or act in NOT_KEPT or len(json.dumps(body)) > limits.SCENARIO_BODY:
            return
        now = time.time()
        pause = min(max(now - recording["last"], 0.0), limits.SCENARIO_PAUSE) if recording["steps"] else 0.0
        recording["steps"].append(Step(round(pause, 2), person.name, act, body).as_json())
        recording["last"] = now
        self._store.put("scenario.recording", "now", recording)
        if len(recording["steps"]) >= limits.SCENARIO_STEPS:
            self.stop()

    def stop(self) -> str | None:
        """End, and keep what there is. None: nothing was recorded."""
        recording = self.now
        self._store.drop("scenario.recording", "now")
        if recording is None or not recording["steps"]:
            return None
        return self.keep(
            Scenario(recording["title"], tuple(Step(**one) for one in recording["steps"])), recording["last"]
        )

    def keep(self, scenario: Scenario, at: float) -> str:
        """Under a new number; the oldest goes when there are too many."""
        number = f"s{self._store.count('scenario', 'number')}"
        self._store.put("scenario", number, {**scenario.as_json(), "at": int(at)})
        kept = sorted(self._store.all("scenario"), key=lambda one: int(one[1:]))
        for old in kept[: -limits.SCENARIOS]:
            self.drop(old)
        return number

    def get(self, number: str) -> Scenario | None:
        body = self._store.get("scenario", number)
        if body is None:
            return None
        return Scenario(body["title"], tuple(Step(**one) for one in body["steps"]))

    def drop(self, number: str) -> None:
        self._store.drop("scenario", number)

    def everything(self) -> list[dict[str, Any]]:
        """The newest first."""
        items = []
        for number, body in self._store.all("scenario").items():
            scenario = self.get(number)
            assert scenario is not None
            people = list(dict.fromkeys(step.person for step in scenario.steps))
            items.append(
                {
                    "id": number,
                    "title": scenario.title,
                    "steps": len(scenario.steps),
                    "seconds": scenario.seconds,
                    "people": people,
                    "at": body["at"],
                }
            )
        return sorted(items, key=lambda one: -int(str(one["id"])[1:]))
