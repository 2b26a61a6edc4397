"""Opening pushes: what is not genuine, whole and small is refused before anything reads it."""

from __future__ import annotations

import dataclasses
import json
from base64 import b64decode, b64encode
from typing import Any
from xml.etree import ElementTree

import pytest
from hypothesis import given
from hypothesis import strategies as st

from server.adapters.wechat import messages
from server.domain.ports import Push
from server.errors import Refused
from server.settings import Settings
from tests.kit.wechat_platform import Platform, xml

KEY, OLD_KEY = "abcdefghijklmnopqrstuvwxyz0123456789ABCDEFG", "0123456789abcdefghijklmnopqrstuvwxyzABCDEFA"
WECHAT = Platform("wx0000000000000001", "token0123456789", KEY)
ACCOUNT = messages.Account("oa", WECHAT.appid, WECHAT.token, KEY)
TEXT = xml(
    ToUserName="gh_1", FromUserName="o-1", CreateTime=1700000000, MsgType="text", Content="成绩", MsgId=7
)
JSON = '{"ToUserName":"gh_1","FromUserName":"o-1","CreateTime":1700000000,"MsgType":"text","Content":"hi","MsgId":7}'
printable = st.text(st.characters(blacklist_categories=("Cs", "Cc")), max_size=300)


def opened(message: str, account: messages.Account = ACCOUNT) -> Push:
    query, body = WECHAT.push(message)
    return messages.open_push(account, query, body)


def code(message: str | tuple[dict[str, str], bytes], account: messages.Account = ACCOUNT) -> str:
    query, body = WECHAT.push(message) if isinstance(message, str) else message
    with pytest.raises(Refused) as refused:
        messages.open_push(account, query, body)
    return refused.value.code


def test_a_whole_push() -> None:
    push = opened(TEXT)
    assert dataclasses.replace(push, fields={}, key="") == Push(
        account="oa",
        kind="text",
        is_event=False,
        openid="o-1",
        to="gh_1",
        created=1700000000,
        key="",
        text="成绩",
        message_id="7",
    )
    assert push.key.startswith("oa:message:") and "o-1" not in push.key


@given(content=printable)
def test_any_text_arrives_as_it_was_sent(content: str) -> None:
    said = TEXT.replace("成绩", content.replace("]]>", ""))
    assert opened(said).text == content.replace("]]>", "").strip()


@given(text=printable)
def test_any_answer_arrives_as_it_was_written(text: str) -> None:
    push = opened(TEXT)
    reply = WECHAT.read_reply(messages.answer(ACCOUNT, push, text, now=1700000001))
    assert reply == {
        "MsgType": "text",
        "ToUserName": "o-1",
        "FromUserName": "gh_1",
        "CreateTime": "1700000001",
        "Content": text,
    }


@given(data=st.data())
def test_any_changed_byte_is_refused(data: st.DataObject) -> None:
    query, body = WECHAT.push(TEXT)
    start = body.index(b"<Encrypt><![CDATA[") + 18
    place = data.draw(st.integers(start, body.index(b"]]></Encrypt>") - 1))
    changed = body[:place] + (b"A" if body[place : place + 1] != b"A" else b"B") + body[place + 1 :]
    assert code((query, changed)) == "push_signature"


@pytest.mark.parametrize("part", ["timestamp", "nonce", "msg_signature"])
def test_any_changed_part_of_the_query_is_refused(part: str) -> None:
    query, body = WECHAT.push(TEXT)
    assert code(({**query, part: query[part] + "0"}, body)) == "push_signature"
    assert code(({**query, part: "签"}, body)) == "push_signature"
    assert code(({name: value for name, value in query.items() if name != part}, body)) == "push_signature"


def test_the_signature_of_the_query_alone_proves_nothing() -> None:
    """wechat.md §0.3: `signature` stays valid with any body."""
    query, _ = WECHAT.push(TEXT)
    forged = {name: query[name] for name in ("timestamp", "nonce", "signature")}
    assert code((forged, TEXT.encode())) == "push_clear"
    assert code(({**forged, "encrypt_type": "aes"}, TEXT.encode())) == "push_signature"
    assert code(({**forged, "encrypt_type": "raw"}, TEXT.encode())) == "push_clear"


def test_clear_fields_beside_the_sealed_ones_are_not_believed() -> None:
    """Compat mode: both forms come; only what was signed counts."""
    encrypted = WECHAT.encrypt(TEXT)
    lie = TEXT.replace("成绩", "骗人").replace("</xml>", f"<Encrypt><![CDATA[{encrypted}]]></Encrypt></xml>")
    assert messages.open_push(ACCOUNT, WECHAT.query(encrypted), lie.encode()).text == "成绩"


def test_another_encrypt_in_a_clear_text_does_no_harm() -> None:
    encrypted = WECHAT.encrypt(TEXT)
    inner = "<Encrypt>" + "A" * 64 + "</Encrypt>"
    body = TEXT.replace("成绩", inner).replace("</xml>", f"<Encrypt><![CDATA[{encrypted}]]></Encrypt></xml>")
    assert messages.open_push(ACCOUNT, WECHAT.query(encrypted), body.encode()).text == "成绩"


def sealed(plain: bytes) -> tuple[dict[str, str], bytes]:
    """A genuine signature over any plaintext block."""
    worker = WECHAT._cipher().encryptor()
    encrypted = b64encode(worker.update(plain) + worker.finalize()).decode()
    return WECHAT.query(encrypted), xml(ToUserName="gh_1", Encrypt=encrypted).encode()


RANDOM, APPID = b"r" * 16, WECHAT.appid.encode()


def padded(content: bytes, pad: int | None = None) -> bytes:
    size = 32 - len(content) % 32
    return content + bytes([size if pad is None else pad]) * size


@pytest.mark.parametrize(
    "plain",
    [
        padded(RANDOM + (5).to_bytes(4, "big") + b"hello" + b"wx0000000000000002"),
        padded(RANDOM + (5).to_bytes(4, "big") + b"hello" + APPID, pad=0),
        padded(RANDOM + (5).to_bytes(4, "big") + b"hello" + APPID, pad=33),
        padded(RANDOM + (5).to_bytes(4, "big") + b"hello" + APPID)[:-2] + b"\x01\x15",
        padded(RANDOM + (2**31).to_bytes(4, "big") + b"hello" + APPID),
        padded(RANDOM + (4).to_bytes(4, "big") + b"hello" + APPID),
        padded(b"short"),
        b"\x20" * 32,
        padded(b"x" * 40)[:48],
    ],
    ids=[
        "appid",
        "pad 0",
        "pad 33",
        "pad uneven",
        "length huge",
        "length short",
        "short",
        "empty",
        "one and a half blocks",
    ],
)
def test_a_signed_but_crooked_envelope_is_refused(plain: bytes) -> None:
    assert code(sealed(plain)) == "push_unreadable"


def test_a_block_of_thirty_two_bytes_of_padding_is_read() -> None:
    for extra in range(40):
        assert opened(TEXT.replace("成绩", "a" * extra + "b")).text == "a" * extra + "b"


def test_pushes_under_the_previous_key_are_still_read() -> None:
    old = dataclasses.replace(WECHAT, aes_key=OLD_KEY)
    query, body = old.push(TEXT)
    assert code((query, body)) == "push_unreadable"
    both = dataclasses.replace(ACCOUNT, previous_aes_key=OLD_KEY)
    push = messages.open_push(both, query, body)
    assert push.text == "成绩"
    assert WECHAT.read_reply(messages.answer(both, push, "好", now=1))["Content"] == "好"


BOMB = (
    '<?xml version="1.0"?><!DOCTYPE xml [<!ENTITY a "'
    + "x" * 1000
    + '"><!ENTITY b "'
    + "&a;" * 100
    + '">]><xml><ToUserName>g</ToUserName><FromUserName>o</FromUserName><CreateTime>1</CreateTime>'
    "<MsgType>text</MsgType><Content>&b;</Content></xml>"
)
STEALING = (
    '<!DOCTYPE xml [<!ENTITY f SYSTEM "file:///etc/passwd">]><xml><FromUserName>o</FromUserName>'
    "<CreateTime>1</CreateTime><MsgType>text</MsgType><Content>&f;</Content></xml>"
)


@pytest.mark.parametrize(
    "message",
    [
        BOMB,
        STEALING,
        "<!DOCTYPE xml>" + TEXT,
        "<xml>" + "<a>" * 50 + "</a>" * 50 + "</xml>",
        "<xml><FromUserName>o</FromUserName>",
        "not xml",
        "",
        "<xml></xml>",
        "<xml>text</xml>",
        "<other><MsgType>text</MsgType></other>",
        xml(FromUserName="o", MsgType="text"),
        xml(FromUserName="o", MsgType="text", CreateTime="soon"),
        xml(FromUserName="o", MsgType="text", CreateTime="9" * 40),
        "<xml><FromUserName><a>b</a></FromUserName><MsgType>text</MsgType><CreateTime>1</CreateTime></xml>",
        "[1, 2]",
        "{",
        '{"FromUserName": 1, "MsgType": "text", "CreateTime": 1}',
        '{"a":' * 400 + "1" + "}" * 400,
        JSON[:-1] + ',"x":' + '{"a":' * 9 + "1" + "}" * 9 + "}",
        JSON.replace("o-1", "o 1"),
        JSON.replace("o-1", "o" * 65),
        JSON.replace("1700000000", "999999999999"),
        JSON.replace("1700000000", '"１７００００００００"'),
    ],
)
def test_what_cannot_be_read_is_refused_quietly(message: str) -> None:
    assert code(message) == "push_malformed"


@pytest.mark.parametrize(
    "message",
    [
        xml(MsgType="text", CreateTime=1),
        xml(FromUserName="", MsgType="text", CreateTime=1),
        '{"MsgType": "text", "CreateTime": 1}',
        JSON.replace("o-1", "\\u0000"),
        '{"FromUserName": "", "MsgType": "event", "CreateTime": 1}',
    ],
)
def test_a_push_of_nobody_is_told_apart_from_one_that_cannot_be_read(message: str) -> None:
    assert code(message) == "push_no_sender"


# As it comes from pasting, from input methods, from GS1 bar codes, from half an emoji.
STRANGE = ["\x02", "\x08", "\x0b", "\x10", "\x14", "\x1d", "\x00", "\ufffe", "\uffff"]


@pytest.mark.parametrize("strange", STRANGE, ids=ascii)
def test_a_character_that_xml_forbids_costs_nobody_the_answer(strange: str) -> None:
    scanned = xml(FromUserName="o-1", MsgType="event", Event="scancode_waitmsg", CreateTime=1_700_000_000)
    scanned = scanned.replace(
        "</xml>", f"<ScanCodeInfo><ScanResult><![CDATA[01{strange}9]]></ScanResult></ScanCodeInfo></xml>"
    )
    assert opened(TEXT.replace("成绩", f"成{strange}绩{strange}")).text == "成绩"
    assert opened(scanned).fields["ScanCodeInfo"] == {"ScanResult": "019"}
    for spelt in (strange, json.dumps(strange)[1:-1]):
        push = opened(JSON.replace('"hi"', f'"成{spelt}绩"'))
        assert push.text == "成绩"


@pytest.mark.parametrize("broken", [b"\xed\xa0\xbd", b"\xff\xfe", b"\xf0\x9f\x98"])
def test_broken_utf8_is_read_as_far_as_it_goes(broken: bytes) -> None:
    """It is not blamed on the key: signature, padding and appid are right."""
    said = TEXT.encode().replace("成绩".encode(), "成绩".encode() + broken)
    plain = padded(RANDOM + len(said).to_bytes(4, "big") + said + APPID)
    query, body = sealed(plain)
    push = messages.open_push(ACCOUNT, query, body)
    assert push.text.rstrip("\ufffd") == "成绩"
    assert WECHAT.read_reply(messages.answer(ACCOUNT, push, "好", now=1))["Content"] == "好"


def test_half_a_character_spelt_in_json_is_left_out() -> None:
    assert opened(JSON.replace('"hi"', '"成\\ud83d绩"')).text == "成绩"


def test_large_bodies_are_refused_before_anything() -> None:
    query, _ = WECHAT.push(TEXT)
    assert code((query, b"<xml>" + b"a" * messages.LARGEST + b"</xml>")) == "push_malformed"


def test_a_doctype_in_what_a_person_wrote_is_only_text() -> None:
    assert opened(TEXT.replace("成绩", "<!DOCTYPE html><!ENTITY x>")).text == "<!DOCTYPE html><!ENTITY x>"


def keys_of(*messages_: str) -> list[str]:
    return [opened(message).key for message in messages_]


def event(**more: Any) -> str:
    return xml(ToUserName="g", FromUserName="o", MsgType="event", **{"CreateTime": 1700000000, **more})


def test_what_makes_a_push_the_same() -> None:
    again, same = keys_of(TEXT, TEXT.replace("1700000000", "1700000005"))
    assert again == same  # messages: MsgId
    events = keys_of(
        event(Event="subscribe", EventKey="qrscene_1"),
        event(Event="SCAN", EventKey="1"),
        event(Event="SCAN", EventKey="2"),
        event(Event="SCAN", EventKey="2", CreateTime=1700000001),
        event(Event="TEMPLATESENDJOBFINISH", MsgID=1, Status="success"),
        event(Event="TEMPLATESENDJOBFINISH", MsgID=2, Status="success"),
    )
    assert len(set(events)) == 6
    assert keys_of(event(Event="SCAN", EventKey="1")) == [events[1]]


def test_events_are_named_in_lower_case_and_keep_unknown_fields() -> None:
    push = opened(
        event(Event="TEMPLATESENDJOBFINISH", MsgID=200163836, Status="failed: system failed", New="<x>")
    )
    assert (push.kind, push.is_event, push.message_id) == ("templatesendjobfinish", True, "200163836")
    assert (push.fields["Status"], push.fields["New"]) == ("failed: system failed", "<x>")
    assert opened(event(Event="subscribe", EventKey="qrscene_7", Ticket="t")).event_key == "7"
    assert opened(event(Event="SCAN", EventKey="7", Ticket="t")).kind == "scan"


def test_several_list_elements() -> None:
    inner = "".join(f"<List><TemplateId>t{n}</TemplateId></List>" for n in (1, 2))
    said = event(Event="subscribe_msg_popup_event").replace(
        "</xml>", f"<SubscribeMsgPopupEvent>{inner}</SubscribeMsgPopupEvent></xml>"
    )
    listed = opened(said).fields["SubscribeMsgPopupEvent"]["List"]
    assert [item["TemplateId"] for item in listed] == ["t1", "t2"]


def test_two_subscription_events_of_one_second_are_two() -> None:
    """They carry neither EventKey nor MsgId of their own; what they list tells them apart, in XML and in JSON."""

    def said(serial: int) -> str:
        inner = f"<List><TemplateId>t</TemplateId><MsgID>{serial}</MsgID></List>"
        name = "SubscribeMsgSentEvent"
        return event(Event="subscribe_msg_sent_event").replace("</xml>", f"<{name}>{inner}</{name}></xml>")

    def told(serial: int) -> str:
        listed = f'"Event":"subscribe_msg_sent_event","List":[{{"TemplateId":"t","MsgID":"{serial}"}}]'
        return JSON.replace('"MsgType":"text","Content":"hi","MsgId":7', f'"MsgType":"event",{listed}')

    for form in (said, told):
        assert opened(form(1)).key == opened(form(1)).key != opened(form(2)).key


def test_each_account_has_its_own_weakest_form(settings: Settings) -> None:
    """A clear mode of the official account never lowers the mini-program, nor the other way round."""
    for plain, safe, changed in (
        ("oa", "mp", messages.accounts(dataclasses.replace(settings, oa_mode="plain"))),
        ("mp", "oa", messages.accounts(dataclasses.replace(settings, mp_mode="plain"))),
    ):
        assert (changed[plain].mode, changed[safe].mode) == ("plain", "safe")
        clear = Platform(changed[safe].appid, changed[safe].token, changed[safe].aes_key).query()
        with pytest.raises(Refused) as refused:
            messages.open_push(changed[safe], clear, TEXT.encode())
        assert refused.value.code == "push_clear"


def test_both_accounts_read_what_was_sealed_with_the_key_before(settings: Settings) -> None:
    old = dataclasses.replace(settings, oa_previous_aes_key=OLD_KEY, mp_previous_aes_key=OLD_KEY)
    for account in messages.accounts(old).values():
        query, body = Platform(account.appid, account.token, OLD_KEY).push(TEXT)
        assert messages.open_push(account, query, body).text == "成绩"
        with pytest.raises(Refused):
            messages.open_push(dataclasses.replace(account, previous_aes_key=""), query, body)


def test_a_clear_push_is_answered_in_clear() -> None:
    plain = dataclasses.replace(ACCOUNT, mode="plain")
    push = messages.open_push(plain, WECHAT.query(), TEXT.encode())
    reply = ElementTree.fromstring(messages.answer(plain, push, "好]]>好", now=5))
    assert {node.tag: node.text for node in reply}["Content"] == "好]]>好"


def test_the_length_of_the_cipher_tells_nothing_new() -> None:
    """Two encryptions of one text differ: the first sixteen bytes are random."""
    first, second = (messages.encrypt(ACCOUNT, TEXT) for _ in range(2))
    assert first != second and len(b64decode(first)) == len(b64decode(second))
