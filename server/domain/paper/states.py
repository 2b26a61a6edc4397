"""The life of a print run and its parcel on one screen (S91): printed, handed on, sent, received by the school."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from server.domain.steps import Reason, Step, step, table
from server.errors import Conflict


class PaperState(Enum):
    """value: how it is stored; label: how it is written."""

    PRINTING = "printing"
    PRINTED = "printed"
    HANDED = "handed"
    SENT = "sent"
    RECEIVED = "received"
    CANCELLED = "cancelled"

    @property
    def label(self) -> str:
        return _LABELS[self.value]


_LABELS = {
    "printing": "印制中",
    "printed": "印制完成",
    "handed": "已交接",
    "sent": "已寄出",
    "received": "院校已签收",
    "cancelled": "已取消",
}
AT_HOME = (PaperState.PRINTING, PaperState.PRINTED, PaperState.HANDED)  # the organisation has the sheets


class SheetState(Enum):
    """Of one sheet; written with its run, or when it is spoiled."""

    USED = "used"
    SPOILED = "spoiled"
    RELEASED = "released"  # its run was cancelled before anything was printed

    @property
    def label(self) -> str:
        return {"used": "已使用", "spoiled": "已作废", "released": "已退回库存"}[self.value]


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """What the guards look at; gathered in the step's transaction. The defaults refuse."""

    invalid: int = 1  # used sheets whose certificate is not valid any more
    slip_is_read: bool = False  # the code of the parcel's slip was scanned or typed
    is_unprinted: bool = False  # nobody took the print file, and no sheet is spoiled
    is_explained: bool = False  # the school counted what was sent, or says what differs


def every_certificate_is_valid(facts: Standing) -> Reason | None:
    if facts.invalid == 0:
        return None
    return Reason(
        "sheets_invalid",
        f"有 {facts.invalid} 张纸张上的证书已撤销或已更正换发。请先把这些纸张取出、逐张登记作废，再继续。",
    )


def the_slip_is_read(facts: Standing) -> Reason | None:
    if facts.slip_is_read:
        return None
    sentence = "交接码与这个包裹的交接单不符。请扫描交接单上的二维码，或照单填写二维码下面的交接码。"
    return Reason("slip_wrong", sentence, pointer="/slip")


def nothing_is_printed(facts: Standing) -> Reason | None:
    if facts.is_unprinted:
        return None
    return Reason(
        "already_printed",
        "印刷文件已经取走，或已有作废的纸张，这次印制不能取消；印坏的纸张请逐张登记作废。",
    )


def the_difference_is_explained(facts: Standing) -> Reason | None:
    if facts.is_explained:
        return None
    sentence = "清点的张数与寄出的不同，请写明差异，例如缺少的纸张编号；评价组织会看到。"
    return Reason("difference_unexplained", sentence, pointer="/note")


STEPS: dict[str, Step[PaperState, Standing]] = table(
    step("finish", "printing", PaperState.PRINTED, "评价组织", every_certificate_is_valid, label="印制完成"),
    step("cancel", "printing", PaperState.CANCELLED, "评价组织", nothing_is_printed, label="取消印制"),
    step(
        "hand_over",
        "printed handed",
        PaperState.HANDED,
        "接收人",
        the_slip_is_read,
        every_certificate_is_valid,
        label="接收包裹",
    ),
    step("send", "printed handed", PaperState.SENT, "评价组织", every_certificate_is_valid, label="寄出"),
    step(
        "receive",
        "sent",
        PaperState.RECEIVED,
        "院校",
        the_slip_is_read,
        the_difference_is_explained,
        label="确认签收",
    ),
)


def moved_on(step: Step[PaperState, Standing], state: PaperState) -> Conflict:
    """The refusal for a step asked for in another state than those it leaves."""
    return Conflict("paper_moved", f"这次印制现在是“{state.label}”，不能{step.label}；请刷新后再看。")


def steps_as_markdown() -> str:
    """The table as docs/architecture.md shows it."""
    lines = ["| 状态 | 步骤 | 之后 | 谁 |", "|---|---|---|---|"]
    for one in STEPS.values():
        before = "、".join(state.label for state in PaperState if state in one.sources)
        lines.append(
            f"| {before} | {one.label} `{one.name}` | {one.target.label} `{one.target.value}` | {one.who} |"
        )
    return "\n".join(lines)
