"""`xcert docs` and `xcert openapi`: documents that are made out of the code, so that they cannot lie."""

from __future__ import annotations

import argparse
from dataclasses import fields
from pathlib import Path

import orjson

from server import os_errors, production_settings
from server.app import api_document
from server.commands import Impossible
from server.domain.campaigns import states as campaign_states
from server.domain.certificates import states as certificate_states
from server.domain.corrections import states as correction_states
from server.domain.exams import release_states
from server.domain.imports import states as import_states
from server.domain.issuance import states
from server.domain.notices import states as notice_states
from server.domain.notices.wanted_templates import CHANNEL_NAMES, wanted
from server.domain.paper import states as paper_states
from server.domain.payments import (
    bank_refund_states,
    order_states,
    reconciliation_states,
    refund_states,
    transfer_states,
    waiver_states,
)
from server.domain.people import officer_states, staff_change_states
from server.domain.privacy import holdings, other_people, retention, wiping
from server.domain.privacy import states as erasure_states
from server.domain.score_changes import states as score_change_states
from server.settings import Settings


def tables() -> dict[str, str]:
    """The generated parts of the documents, by the name of their markers."""
    return {
        "settings": settings_as_markdown(),
        "refusals": production_settings.refusals_as_markdown(),
        "states": states.steps_as_markdown(),
        "certificate-states": _certificate_steps(),
        "officer-states": officer_states.steps_as_markdown(),
        "staff-change-states": staff_change_states.steps_as_markdown(),
        "notice-states": _notice_steps(),
        "campaign-states": campaign_states.steps_as_markdown(),
        "import-states": import_states.steps_as_markdown(),
        "order-states": order_states.steps_as_markdown(),
        "refund-states": refund_states.steps_as_markdown(),
        "reconciliation-states": reconciliation_states.steps_as_markdown(),
        "bank-refund-states": bank_refund_states.steps_as_markdown(),
        "transfer-states": transfer_states.steps_as_markdown(),
        "waiver-states": waiver_states.steps_as_markdown(),
        "correction-states": correction_states.steps_as_markdown(),
        "paper-states": paper_states.steps_as_markdown(),
        "release-states": release_states.steps_as_markdown(),
        "score-change-states": score_change_states.steps_as_markdown(),
        "erasure-states": erasure_states.steps_as_markdown(),
        "privacy-kept": wiping.kept_as_markdown(),
        "privacy-others": other_people.others_as_markdown(),
        "retention": retention.rules_as_markdown(),
        "privacy-tables": holdings.tables_as_markdown(),
        "privacy-passing": holdings.passing_as_markdown(),
        "templates": _templates(),
    }


_WHO = {"staff": "评价组织", "system": "系统", "worker": "发送任务", "wechat": "微信", "sweep": "清扫"}


def _certificate_steps() -> str:
    rows = ["| 状态 | 步骤 | 之后 | 谁 |", "|---|---|---|---|"]
    for step in certificate_states.STEPS.values():
        sources = [one for one in certificate_states.CertificateState if one in step.sources]
        before = "、".join(f"{one.label} `{one.value}`" for one in sources)
        rows.append(
            f"| {before} | {step.label} `{step.name}` "
            f"| {step.target.label} `{step.target.value}` | {_WHO[step.who]} |"
        )
    return "\n".join(rows)


def _notice_steps() -> str:
    rows = ["| 状态 | 步骤 | 之后 | 谁 |", "|---|---|---|---|"]
    for step in notice_states.STEPS.values():
        before = "、".join(state.label for state in notice_states.NoticeState if state in step.sources)
        rows.append(
            f"| {before} | `{step.name}` | {step.target.label} `{step.target.value}` | {_WHO[step.who]} |"
        )
    return "\n".join(rows)


def _templates() -> str:
    """What to ask for in WeChat's consoles, and where its id goes."""
    rows = ["| 在哪里选用 | 标题 | 关键词（名称 `编号`，字段） | 模板编号填到 |", "|---|---|---|---|"]
    for one in wanted(Settings()):
        words = "；".join(
            f"{one.keywords[keyword]} `{keyword}`，{name}" for name, keyword in one.fields.items()
        )
        rows.append(f"| {CHANNEL_NAMES[one.channel]} | {one.title} | {words} | `{one.setting}` |")
    return "\n".join(rows)


def settings_as_markdown() -> str:
    """One row for each setting: name, what for, default, and marks."""
    rows = ["| 变量 | 作用 | 默认值 | |", "|---|---|---|---|"]
    for f in fields(Settings):
        marks = [
            word for word, on in (("生产必填", f.metadata["required"]), ("机密", f.metadata["secret"])) if on
        ]
        default = "" if f.default in (None, "") else f"`{f.default}`"
        rows.append(f"| `{f.metadata['env']}` | {f.metadata['help']} | {default} | {'、'.join(marks)} |")
    return "\n".join(rows)


def refreshed(text: str) -> str:
    """`text` with every generated part that it has made anew between `<!-- name -->` and `<!-- /name -->`."""
    for name, table in tables().items():
        begin, end = f"<!-- {name} -->", f"<!-- /{name} -->"
        before, mark, rest = text.partition(begin)
        if mark:
            _, _, after = rest.partition(end)
            text = f"{before}{begin}\n{table}\n{end}{after}"
    return text


def generated(readme: Path) -> list[Path]:
    """The README and the documents beside it; any of them may hold generated parts."""
    return [readme, *sorted((readme.parent / "docs").glob("*.md"))]


def refresh(args: argparse.Namespace, _: Settings) -> int:
    """Write the generated parts into the README and the documents of `docs/` beside it."""
    for document in generated(args.readme):
        try:
            text = document.read_text("utf-8")
            if (renewed := refreshed(text)) != text:
                document.write_text(renewed, "utf-8")
                print(f"{document} 已更新。")
        except OSError as error:
            raise Impossible(
                f"{document} 不能读写（{os_errors.cause(error)}），请在项目目录里运行，或用 --readme 指出 README。"
            ) from None
    print("文档里由程序生成的表格都是最新的。")
    return 0


def print_openapi(_: argparse.Namespace, __: Settings) -> int:
    """The OpenAPI document of all doors, as JSON."""
    print(orjson.dumps(api_document(), option=orjson.OPT_INDENT_2 | orjson.OPT_NON_STR_KEYS).decode())
    return 0
