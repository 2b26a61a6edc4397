"""The printed receipt: what stands on it, also over several pages, and what cannot be printed."""

from __future__ import annotations

import io
from dataclasses import replace

import pytest
from pyhanko.pdf_utils.reader import PdfFileReader

from server.adapters.documents.printed_text import printed_text
from server.adapters.documents.receipt_pdf import TypstReceiptPrinter
from server.domain.ports.payments import ReceiptLine, ReceiptPage
from server.errors import Refused
from tests.kit.fakes import NOON

PAGE = ReceiptPage(
    number="SJ2026000001",
    payer="崔子涵",
    order="xc20261123ab12cd34ef",
    way="微信支付",
    transaction="4200000000000000000000000001",
    lines=(ReceiptLine("2026年第四批全国统考　初级考试费", 1, "¥120.50"),),
    total="¥120.50",
    capitals="壹佰贰拾元伍角整",
    given_back="",
    state="已支付",
    issuer="北京中文在线教育科技发展有限公司",
    paid_at=NOON,
    issued_at=NOON,
    as_of=NOON,
)


@pytest.fixture(scope="module")
def printer() -> TypstReceiptPrinter:
    return TypstReceiptPrinter()


def text_of(pdf: bytes) -> list[str]:
    kids = PdfFileReader(io.BytesIO(pdf)).root["/Pages"]["/Kids"]
    return [printed_text(kid.get_object()) for kid in kids]


async def test_a_receipt_as_printed(printer: TypstReceiptPrinter) -> None:
    pdf = await printer.receipt(PAGE)
    assert text_of(pdf) == [
        "收据编号SJ2026000001今收到崔子涵付款时间2026年11月23日12:00订单编号xc20261123ab12cd34ef付款方式微信支付"
        "交易单号4200000000000000000000000001项目人数金额2026年第四批全国统考初级考试费1¥120.50"
        "合计（大写）人民币壹佰贰拾元伍角整¥120.50状态已支付"
        "收款单位北京中文在线教育科技发展有限公司开具日期2026年11月23日"
        "本单据是收据，不是发票，不能用于抵扣税款。状态截至2026年11月23日12:00。"
    ]
    assert await printer.receipt(PAGE) == pdf
    assert b"Typst" not in pdf


async def test_what_was_given_back_stands_on_it_twice(printer: TypstReceiptPrinter) -> None:
    page = replace(PAGE, given_back="¥120.50（全部）", state="已退款", transaction="", way="对公转账")
    [text] = text_of(await printer.receipt(page))
    assert text.startswith("已退款收据") and "已退回¥120.50（全部）状态已退款" in text
    assert "付款方式对公转账" in text and "交易单号" not in text


async def test_many_lines_go_on_over_the_page(printer: TypstReceiptPrinter) -> None:
    lines = tuple(ReceiptLine(f"第{number}批　中级考试费", 9, "¥1,084.50") for number in range(40))
    texts = text_of(await printer.receipt(replace(PAGE, lines=lines)))
    assert len(texts) > 1 and all("项目人数金额" in text for text in texts[:-1])
    assert all(f"第{number}页，共{len(texts)}页" in text for number, text in enumerate(texts, 1))
    assert sum(text.count("中级考试费9¥1,084.50") for text in texts) == 40


async def test_what_the_font_lacks_is_said(printer: TypstReceiptPrinter) -> None:
    with pytest.raises(Refused) as refused:
        await printer.receipt(replace(PAGE, payer="崔\U0001f600"))
    assert (refused.value.code, refused.value.message) == (
        "glyph_missing",
        "字库缺少字符 \U0001f600（U+1F600），无法打印收据；请联系管理员补充字体。",
    )
