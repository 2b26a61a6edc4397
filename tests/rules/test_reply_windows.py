"""What opens a window for messages of ours, and when it closes (wechat.md §6.5)."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from server.domain.wechat_chat.reply_windows import ONE_MINUTE, TWO_DAYS, WINDOWS, Window, is_open, opened_by

CREATED = 1_763_870_400
OPENED = datetime.fromtimestamp(CREATED, UTC)
ROWS = [(window, trigger) for window in WINDOWS for trigger in sorted(window.triggers)]


@pytest.mark.rule("S93")
def test_the_table_is_the_one_of_wechat() -> None:
    assert [(w.account, trigger, w.lasts, w.messages) for w, trigger in ROWS] == [
        ("oa", "*", TWO_DAYS, 5),
        ("oa", "click", ONE_MINUTE, 3),
        ("oa", "scancode_push", ONE_MINUTE, 3),
        ("oa", "scancode_waitmsg", ONE_MINUTE, 3),
        ("oa", "subscribe", ONE_MINUTE, 3),
        ("oa", "subscribe_scan", ONE_MINUTE, 3),
        ("oa", "scan", ONE_MINUTE, 3),
        ("mp", "*", TWO_DAYS, 5),
        ("mp", "user_enter_tempsession", ONE_MINUTE, 2),
    ]
    assert (timedelta(hours=48), timedelta(seconds=60)) == (TWO_DAYS, ONE_MINUTE)


@pytest.mark.parametrize(("window", "trigger"), ROWS, ids=lambda value: str(value)[:24])
def test_a_window_closes_to_the_second(window: Window, trigger: str) -> None:
    kind, is_event = ("image", False) if trigger == "*" else (trigger, True)
    found = opened_by(window.account, kind, is_event=is_event)
    assert found is window
    last = OPENED + window.lasts
    assert [is_open(found, CREATED, at) for at in (OPENED, last - timedelta(seconds=1), last)] == [
        True,
        True,
        False,
    ]
    other = "mp" if window.account == "oa" else "oa"
    assert is_event is False or opened_by(other, kind, is_event=True) is None


@pytest.mark.parametrize(
    ("account", "kind"),
    [
        ("oa", "unsubscribe"),
        ("oa", "view"),
        ("oa", "view_miniprogram"),
        ("oa", "templatesendjobfinish"),
        ("oa", "subscribe_msg_popup_event"),
        ("oa", "pic_weixin"),
        ("oa", "location_select"),
        ("oa", "location"),
        ("oa", ""),
        ("mp", "click"),
        ("mp", "subscribe_msg_sent_event"),
        ("mp", "weapp_audit_success"),
    ],
)
def test_every_other_event_opens_none(account: str, kind: str) -> None:
    assert opened_by(account, kind, is_event=True) is None
    assert is_open(None, CREATED, OPENED) is False
