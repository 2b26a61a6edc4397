"""What the console's pages say about batches and imports."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any

from server.domain import roles
from server.domain.actor import Actor
from server.domain.imports.states import ImportState
from server.domain.issuance.history import PREPARE
from server.domain.issuance.preparation_query import PreparationView
from server.domain.issuance.queries import BatchSummary
from server.domain.issuance.states import BY_NAME, BatchState
from server.domain.people.school_scope import is_school
from server.domain.roles import Verb
from server.web.console.answers import ImportSummary

IMPORT_KINDS = (
    ("candidates", "考生信息", "姓名、证件、院校、专业"),
    ("scores", "成绩", "科目成绩与缺考、违纪"),
    ("practice", "实践学时", "实践与督导学时"),
    ("portal", "门户证书编号", "证书编号、门户证书编号"),
)
PATHS = {"org_sign": "sign", "withdraw": "withdraw", "revise": "revise", "hand_over": "hand-over"}
STEP_WORDS = {"org_sign": "签发", "withdraw": "撤回", "revise": "重新准备", "hand_over": "发放"}
DONE_WORDS = {
    "org_sign": "已签发，等待院校签发负责人扫码确认。",
    "withdraw": "已撤回，批次回到“待签发”。",
    "revise": "已按最新数据重新准备，请核对名单后签发。",
    "hand_over": "已发放，正在生成电子证书。",
}
SURE = {
    "org_sign": "签发这个批次（{school}，{count} 人）？签发后等待院校签发负责人扫码确认。",
    "withdraw": "撤回这个批次？正在出示的二维码立即失效，批次回到“待签发”，版次加一。",
    "revise": "按最新数据重新准备名单？批次回到“待签发”，版次加一。",
    "hand_over": "发放这个批次的 {count} 份证书？系统将写入今天的日期、生成电子证书并加盖电子印章，不能撤回。",
}
DECIDED = {"confirm_scan": "院校签发", "school_return": "院校退回"}  # what an officer's receipt is called
_LINE: tuple[tuple[BatchState, Callable[[BatchSummary], datetime | None]], ...] = (
    (BatchState.PREPARED, lambda batch: batch.created_at),
    (BatchState.SITE_PENDING, lambda batch: batch.org_signed_at),
    (BatchState.SCHOOL_SIGNED, lambda batch: batch.school_signed_at),
    (BatchState.GENERATING, lambda batch: batch.handed_over_at),
    (BatchState.ISSUED, lambda batch: batch.issued_at),
)


def life(batch: BatchSummary) -> list[dict[str, Any]]:
    """The batch's life as a line: what is done, where it stands, what is to come. A return stands in its place."""
    state = batch.state
    place = {BatchState.RETURNED: BatchState.SITE_PENDING, BatchState.VOID: BatchState.PREPARED}.get(
        state, state
    )
    here = [one for one, _ in _LINE].index(place)
    steps = []
    for index, (one, since) in enumerate(_LINE):
        mark = "done" if index < here or state is BatchState.ISSUED else "now" if index == here else "later"
        if index == here and state is not place:
            one, mark = state, "back"
        steps.append({"label": one.label, "mark": mark, "at": since(batch) if index <= here else None})
    return steps


def sure(batch: BatchSummary) -> dict[str, str]:
    """By a step's name, what is asked before it is taken."""
    return {name: text.format(school=batch.school, count=batch.count) for name, text in SURE.items()}


def history_label(action: str) -> str:
    """What an entry of a batch's history is called."""
    return "建立批次" if action == PREPARE else BY_NAME[action].label


def next_words(batch: BatchSummary, actor: Actor) -> str:
    """What happens next and who does it."""
    return {
        BatchState.PREPARED: "等待评价组织核对名单并签发。",
        BatchState.SITE_PENDING: "请出示二维码，由本校签发负责人用微信扫码确认。"
        if is_school(actor)
        else f"等待{batch.school}的签发负责人扫码确认。",
        BatchState.RETURNED: "等待评价组织按退回原因更正数据后重新准备。",
        BatchState.SCHOOL_SIGNED: "院校已确认，等待评价组织发放。",
        BatchState.GENERATING: "系统正在逐份生成电子证书并加盖电子印章，请稍候；关闭页面不影响生成。",
        BatchState.ISSUED: "全部证书已生成，考生可以在公众号和小程序中查看。",
        BatchState.VOID: "要换发的旧证书已经撤销，这个批次作废，不再换发；确要重新发证的，请在“更正”页另提一件。",
    }[batch.state]


NOTHING_PREPARED = "没有需要建立或更新的批次：合格考生都已在批次中，或暂不能发证；请核对成绩与实践学时。"


def prepared(preparation: PreparationView) -> str:
    """What came of a preparation, in one sentence."""
    if preparation.finished_at is None:
        return f"正在准备批次：{preparation.sites_done} / {preparation.sites_total} 个考核站点。"
    left_out = f"；{len(preparation.refusals)} 个站点没有准备，原因见下" if preparation.refusals else ""
    if not preparation.made and not preparation.updated:
        return NOTHING_PREPARED if not left_out else f"没有建立新的批次{left_out}。"
    updated = f"，更新 {preparation.updated} 个名单" if preparation.updated else ""
    return f"已建立 {preparation.made} 个批次{updated}{left_out}。"


_WAITS = {
    BatchState.PREPARED: Verb.SIGN,
    BatchState.RETURNED: Verb.REVISE,
    BatchState.SCHOOL_SIGNED: Verb.HAND_OVER,
}


def waits_for(actor: Actor, state: BatchState) -> bool:
    """Whether a batch in this state waits for this person."""
    if state is BatchState.SITE_PENDING:
        return is_school(actor)
    return state in _WAITS and roles.may(actor, _WAITS[state])


def run_state(run: ImportSummary) -> tuple[str, str]:
    """(badge, words) of an import in the list."""
    if run.state == ImportState.UNREADABLE.value:
        return "bad", run.state_label
    if run.state != ImportState.DONE.value:
        return "wait", run.state_label
    if run.rows_refused:
        return "wait", "有错误" if run.rows_taken else "没有可写入的行"
    if not run.rows_taken:
        return "good", "没有变化"
    return "good", "检查通过，待写入" if run.dry_run else "已完成"
