"""退款异常: the payer's card cannot take the money, and it goes to another bank card of theirs.

Both of finance type the card themselves, and it goes out only if they typed the same. The card is in memory while
WeChat Pay is called and nowhere else: of the first typing a keyed hash is kept until the second.
"""

from __future__ import annotations

import hmac
import re

from tortoise.transactions import in_transaction

from server.domain import roles
from server.domain.actor import Actor
from server.domain.audit import audit_log
from server.domain.payments import refund_second_looks, refund_sending, refund_transitions
from server.domain.payments.refund_states import RefundState
from server.domain.payments.settlement import Cashbox
from server.domain.people import same_person
from server.domain.ports import Keys, PayGateway
from server.domain.ports.payments import CARD_BANKS, BankCard
from server.domain.roles import Verb
from server.errors import Conflict, FieldError, Forbidden, Invalid, NotFound
from server.models import FeeRefund

REDIRECT = "redirect"
_ABOUT = "fee_refund.card_print"
_ACCOUNT = re.compile(r"[0-9]{12,19}")
LONGEST_HOLDER = 50


def card(bank: str, account: str, holder: str) -> BankCard:
    """As somebody typed it, without the spaces that are printed on a card. Raises Invalid: /bank, /account, /holder."""
    errors = []
    number, name = "".join(account.split()), holder.strip()
    if bank not in CARD_BANKS:
        errors.append(FieldError("/bank", "bank", "请从列表里选择开户银行。"))
    if not _ACCOUNT.fullmatch(number):
        errors.append(FieldError("/account", "account", "请填写 12 到 19 位数字的借记卡号。"))
    if not 2 <= len(name) <= LONGEST_HOLDER:
        errors.append(FieldError("/holder", "holder", "请填写持卡人的姓名，与银行卡一致。"))
    if errors:
        raise Invalid(errors=errors)
    return BankCard(bank, number, name)


async def ask(box: Cashbox, keys: Keys, refund_id: int, to: BankCard, *, actor: Actor) -> None:
    """One of finance says to which card. Again, by anybody, it is another wish.

    Raises:
        Forbidden: role_not_allowed. NotFound: refund_unknown. Conflict: refund_moved.
    """
    roles.require(actor, Verb.REFUND)
    async with in_transaction():
        refund = await refund_transitions.locked(refund_id)
        _check_abnormal(refund)
        refund.wish, refund.wished_by, refund.wished_by_name = REDIRECT, actor.id, actor.name
        refund.wished_at, refund.card_print = box.clock.now(), keys.blind(_text(to), about=_ABOUT)
        await refund.save(update_fields=["wish", "wished_by", "wished_by_name", "wished_at", "card_print"])
        await audit_log.record(box.clock, actor, "refund.ask_to_redirect", "fee_refund", refund.id)


async def confirm(
    box: Cashbox, keys: Keys, pay: PayGateway | None, refund_id: int, to: BankCard, *, actor: Actor
) -> None:
    """Another types the same card, and WeChat Pay is told to pay to it. Safe to repeat: it pays a refund once.

    Raises:
        Forbidden: role_not_allowed, same_person. NotFound: refund_unknown. Invalid: /account.
        Conflict: refund_moved; refund_not_asked; refund_known: it is not abnormal any more at WeChat Pay.
        PayRefused, OutsideFailure: it is still abnormal; asked after soon.
    """
    roles.require(actor, Verb.APPROVE_REFUND)
    refund = await FeeRefund.filter(id=refund_id).first()
    if refund is None:
        raise NotFound("refund_unknown", "没有这笔退款，请刷新后重试。")
    await _check_confirmed(keys, refund, to, actor)
    there = refund_second_looks.gateway(pay)
    known = await there.query_refund(refund.number)
    if known is not None and known.status != "ABNORMAL":
        await refund_sending.hear(box, known)
        raise Conflict("refund_known", "微信支付说这笔退款已经不是异常了，已照它说的更新；请刷新后再看。")
    async with (
        in_transaction()
    ):  # before it goes out: whatever becomes of it, it is known who did it, and asked after
        refund = await refund_transitions.locked(refund_id)
        await _check_confirmed(keys, refund, to, actor)
        refund.next_try_at = box.clock.now() + refund_sending.SOON
        await refund.save(update_fields=["next_try_at"])
        await audit_log.record(box.clock, actor, "refund.redirect", "fee_refund", refund.id)
    heard = await there.redirect_refund(refund.refund_id, refund.number, to)
    await refund_sending.hear(box, heard)


def _check_abnormal(refund: FeeRefund) -> None:
    state = RefundState(refund.state)
    if state is not RefundState.ABNORMAL:
        raise Conflict("refund_moved", f"这笔退款现在是“{state.label}”，不能改退银行卡；请刷新后再看。")


async def _check_confirmed(keys: Keys, refund: FeeRefund, to: BankCard, actor: Actor) -> None:
    _check_abnormal(refund)
    if refund.wish != REDIRECT or refund.card_print is None:
        raise Conflict("refund_not_asked", "请先由一位财务提出改退到哪张银行卡，再由另一位确认。")
    if not await same_person.is_another(actor, refund.wished_by):
        raise Forbidden("same_person", "提出和确认须是两位同事；请由另一位财务处理。")
    typed = keys.blinds(_text(to), about=_ABOUT)
    if not any(hmac.compare_digest(bytes(refund.card_print), one) for one in typed):
        message = "与第一位财务填写的银行、卡号或姓名不一样，请向付款人核对；第一位填错的请重新提出。"
        raise Invalid(errors=[FieldError("/account", "card_differs", message)])


def _text(to: BankCard) -> str:
    return "\n".join((to.bank, to.account, to.holder))
