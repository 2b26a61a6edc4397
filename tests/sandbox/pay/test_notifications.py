"""Notifications: the schedule on the movable clock, the two keys, copies, probes, forgeries (wechat.md §7.2, §7.3)."""

from __future__ import annotations

import asyncio
import json
from dataclasses import replace
from pathlib import Path

import pytest

from server.sandbox.app import create_sandbox, serving
from server.sandbox.pay.desk import PayDesk
from server.sandbox.pay.limits import PAUSES
from tests.sandbox.conftest import CONFIG
from tests.sandbox.pay.conftest import PUBLIC_KEY_ID, Pay


async def arrivals(pay: Pay, count: int) -> None:
    """Wait until so many notifications have come."""
    while len(pay.shop.heard) < count:
        pay.shop.arrived.clear()
        async with asyncio.timeout(10):
            await pay.shop.arrived.wait()


async def test_an_unheard_notification_comes_again_fifteen_times_by_the_schedule(pay: Pay) -> None:
    """The clock alone brings it, each time newly sealed and signed; then it is given up."""
    assert sum(PAUSES) == 24 * 3600 + 4 * 60 and len(PAUSES) == 15
    pay.shop.status = 500
    await pay.paid("A2026112300001")
    for number, pause in enumerate(PAUSES, start=1):
        pay.platform.clock.forward(pause - 1)
        await pay.desk.settle()
        assert len(pay.shop.heard) == number
        pay.platform.clock.forward(1)
        await arrivals(pay, number + 1)  # nobody asked for it: the sandbox looks at its clock
        await pay.platform.settle()
    pay.platform.clock.forward(30 * 86400)
    await pay.desk.settle()
    assert len(pay.shop.heard) == 16
    note = (await pay.control("notifications"))["items"][0]
    assert (note["sent"], note["state"]) == (16, "given up")
    assert len({json.loads(one.body)["id"] for one in pay.shop.heard}) == 1
    assert len({one.headers["Wechatpay-Signature"] for one in pay.shop.heard}) == 16
    assert len({str(one.opened()) for one in pay.shop.heard}) == 1


async def test_the_shape_of_a_notification_and_what_counts_as_heard(pay: Pay) -> None:
    await pay.paid("B2026112300001")
    one = pay.shop.heard[0]
    body = json.loads(one.body)
    resource = body.pop("resource")
    assert body == {
        "id": body["id"],
        "create_time": "2026-11-23T10:00:00+08:00",
        "resource_type": "encrypt-resource",
        "event_type": "TRANSACTION.SUCCESS",
        "summary": "支付成功",
    }
    assert {**resource, "ciphertext": "", "nonce": ""} == {
        "original_type": "transaction",
        "algorithm": "AEAD_AES_256_GCM",
        "associated_data": "transaction",
        "ciphertext": "",
        "nonce": "",
    }
    assert one.headers["Wechatpay-Signature-Type"] == "WECHATPAY2-SHA256-RSA2048"
    assert (one.path, one.headers["Content-Type"]) == ("/notify", "application/json")
    assert "Request-ID" in one.headers
    for status, state in (
        (200, "heard"),
        (204, "heard"),
        (201, "waiting"),
        (302, "waiting"),
        (401, "waiting"),
    ):
        pay.shop.status = status
        await pay.paid(f"B20261123001{status}")
        assert (await pay.control("notifications"))["items"][-1]["state"] == state, status


async def test_an_answer_after_the_limit_is_no_answer(impatient: Pay) -> None:
    impatient.shop.hangs = True
    await impatient.place("C2026112300001")
    await impatient.control("pay", {"out_trade_no": "C2026112300001"})
    await impatient.desk.settle()
    note = (await impatient.control("notifications"))["items"][0]
    assert (note["sent"], note["state"], len(impatient.shop.heard)) == (1, "waiting", 1)
    row = impatient.platform.timeline.rows()[-1]
    assert (row["verdict"], row["ok"]) == ("0.2 秒内没有完整的回答", False)


async def test_the_grey_share_decides_which_key_signs(pay: Pay) -> None:
    """0 and 100 per cent wholly, 50 both; a new merchant has no certificate to be signed by; the shop holds both keys."""
    own = pay.account.platform_serial
    seen = {}
    for share in (0, 50, 100):
        pay.desk.switchboard.turn({"public_key_share": share})
        pay.shop.heard.clear()
        for number in range(12):
            await pay.paid(f"D20261123{share:03}{number:03}")
        seen[share] = {one.serial for one in pay.shop.heard}
        assert all(pay.shop.genuine(one) for one in pay.shop.heard)
    assert seen == {0: {own}, 50: {own, PUBLIC_KEY_ID}, 100: {PUBLIC_KEY_ID}}
    pay.desk.switchboard.turn({"public_key_share": 0, "new_merchant": True})
    await pay.paid("D2026112399")
    assert pay.shop.heard[-1].serial == PUBLIC_KEY_ID


async def test_copies_reordering_and_losses(pay: Pay) -> None:
    """The switches of the whole sandbox hold for notifications too; lost ones stay lost; no APIv3 key, no notification."""
    pay.platform.switchboard.turn({"push_copies": 3})
    await pay.paid("E2026112300001")
    assert [one.opened()["out_trade_no"] for one in pay.shop.heard] == ["E2026112300001"] * 3
    pay.platform.switchboard.turn({"push_copies": 1, "push_hold": 3})
    pay.shop.heard.clear()
    for number in (2, 3, 4):
        await pay.paid(f"E202611230000{number}")
    await pay.desk.settle()
    order = [one.opened()["out_trade_no"][-1] for one in pay.shop.heard]
    assert order == ["4", "3", "2"]
    pay.platform.switchboard.turn({"push_hold": 0})
    for change in ({"notify_lost": True}, {"notify_lost": False, "apiv3_key_set": False}):
        pay.desk.switchboard.turn(change)
        pay.shop.heard.clear()
        await pay.paid(f"E20261123{len(change)}0000")
        pay.platform.clock.forward(86400)
        await pay.desk.settle()
        assert pay.shop.heard == []
    assert (await pay.ask("E2026112320000"))["trade_state"] == "SUCCESS"


async def test_a_probe_comes_before_the_genuine_one_and_its_verdict_is_kept(pay: Pay) -> None:
    """Refused: all is well. Accepted by a careless shop: the run has failed, and says so."""
    pay.desk.switchboard.turn({"probe_share": 100})
    await pay.paid("F2026112300001")
    assert [one.is_probe for one in pay.shop.heard] == [True, False]
    told = await pay.control("probes")
    assert (told["ok"], [one["verdict"] for one in told["items"]]) == (True, ["rejected"])
    assert (await pay.control("probe", {"out_trade_no": "F2026112300001"})) == {"verdict": "rejected"}
    pay.shop.careless = True
    await pay.paid("F2026112300002")
    told = await pay.control("probes")
    assert (told["ok"], told["items"][-1]["verdict"], told["items"][-1]["status"]) == (False, "accepted", 204)
    verdicts = [row["verdict"] for row in pay.platform.timeline.rows() if row.get("probe")]
    assert verdicts[-1] == "探测通知被接受：验签不合格"


async def test_a_probed_answer_is_noticed_by_asking_again_and_believed_by_paying(pay: Pay) -> None:
    path = "/v3/pay/transactions/native"
    first, second = pay.order("G2026112300001", payer=None), pay.order("G2026112300002", payer=None)
    pay.desk.switchboard.turn({"probe_answers": 1})
    probed = await pay.send("POST", path, first)
    assert probed.headers["Wechatpay-Signature"].startswith("WECHATPAY/SIGNTEST/")
    with pytest.raises(AssertionError):
        pay.signed(probed)
    assert (await pay.control("probes"))["items"][0]["verdict"] == "waiting"
    pay.desk.switchboard.turn({"probe_answers": 1})
    again = await pay.send("POST", path, first)  # the repetition is not probed
    assert pay.signed(again)
    await pay.phone("p1/scan", {"text": again.json["code_url"], "how": "camera"})
    assert [one["verdict"] for one in (await pay.control("probes"))["items"]] == ["rejected"]

    believed = await pay.send("POST", path, second)
    assert "problem" not in await pay.phone("p1/scan", {"text": believed.json["code_url"], "how": "camera"})
    told = await pay.control("probes")
    assert (told["ok"], [one["verdict"] for one in told["items"]]) == (False, ["rejected", "accepted"])


async def test_forged_notifications(pay: Pay) -> None:
    """Every kind is refused by a careful shop, and each is told from a genuine one by one careless step."""
    await pay.place("H2026112300001")
    refused = await pay.control("forge", {"out_trade_no": "H2026112300001"})
    assert {kind: told["refused"] for kind, told in refused.items()} == dict.fromkeys(
        (
            "wrong_key",
            "old_timestamp",
            "future_timestamp",
            "unknown_serial",
            "unknown_public_key",
            "changed_body",
            "other_body",
            "wrong_cipher",
            "unsigned",
        ),
        True,
    )
    clock = pay.shop.clock
    for kind, shift in (("old_timestamp", -301), ("future_timestamp", 301)):
        pay.shop.clock = lambda shift=shift: clock() + shift  # type: ignore[misc]
        told = await pay.control("forge", {"kind": kind})
        assert (told[kind]["refused"], told[kind]["status"]) == (False, 204)  # only its time was wrong
    pay.shop.clock = clock
    claimed = pay.shop.heard[0].opened()
    assert (claimed["out_trade_no"], claimed["trade_state"]) == ("H2026112300001", "SUCCESS")
    assert (await pay.ask("H2026112300001"))["trade_state"] == "NOTPAY"
    pay.shop.careless = True
    assert (await pay.control("forge", {"kind": "changed_body"}))["changed_body"]["refused"] is False
    rows = [row for row in pay.platform.timeline.rows() if row.get("forged") == "changed_body"]
    assert [row["ok"] for row in rows] == [True, False]


async def test_what_was_waiting_is_sent_after_a_restart(pay: Pay, tmp_path: Path) -> None:
    """Orders, refunds, the schedule and the switches outlive the process."""
    config = replace(
        CONFIG, service_url=pay.shop.url, merchant=pay.account.merchant, data_path=tmp_path / "state.sqlite3"
    )
    pay.shop.status = 500
    for run in (1, 2):
        app = create_sandbox(config)
        desk: PayDesk = app.ctx.pay
        pay.shop.clock = desk.clock.now
        async with serving(app) as url:
            here = replace(pay, url=url, platform=desk.platform, desk=desk)
            if run == 1:
                desk.switchboard.turn({"public_key_share": 0, "rates": False})
                await here.paid("J2026112300001")
            else:
                pay.shop.status = 204
                assert (await here.ask("J2026112300001"))["trade_state"] == "SUCCESS"
                desk.clock.forward(PAUSES[0])
                await desk.settle()
    assert [one.serial for one in pay.shop.heard] == [pay.account.platform_serial] * 2
    assert len({json.loads(one.body)["id"] for one in pay.shop.heard}) == 1
