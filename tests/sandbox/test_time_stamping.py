"""The sandbox's time-stamp authority: a token for a good question, a refusal for any other, both as RFC 3161 has them."""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime, timedelta

import pytest
from asn1crypto import tsp

from server.adapters.documents import time_stamp_tokens
from tests.sandbox.conftest import WeChat

KIND = {"content-type": "application/timestamp-query"}


def question(stamped: bytes, algorithm: str = "sha256", **more: object) -> bytes:
    imprint = {
        "hash_algorithm": {"algorithm": algorithm},
        "hashed_message": hashlib.new(algorithm, stamped).digest(),
    }
    asked = {"version": "v1", "message_imprint": imprint, "nonce": 7, "cert_req": True, **more}
    return bytes(tsp.TimeStampReq(asked).dump())


async def answer(wechat: WeChat, body: bytes) -> tuple[int, bytes]:
    async with wechat.http.post(f"{wechat.url}/tsa", data=body, headers=KIND) as got:
        return got.status, await got.read()


@pytest.mark.parametrize("algorithm", ["sha256", "sha384", "sha512"])
async def test_a_token_of_now(wechat: WeChat, algorithm: str) -> None:
    status, body = await answer(wechat, question(b"signature", algorithm))
    token = tsp.TimeStampResp.load(body, strict=True)["time_stamp_token"]
    told = time_stamp_tokens.read(token, b"signature")
    assert (status, time_stamp_tokens.status_of(body), told.is_genuine) == (200, "granted", True)
    assert abs(told.moment - datetime.now(UTC)) < timedelta(minutes=1), "the machine's clock, not WeChat's"
    assert len(told.certificates) == 2
    assert token["content"]["encap_content_info"]["content"].parsed["nonce"].native == 7


@pytest.mark.parametrize("body", [b"", b"no request", question(b"x", "sha1"), question(b"x")[:-4]])
async def test_what_is_no_good_question_is_refused(wechat: WeChat, body: bytes) -> None:
    status, said = await answer(wechat, body)
    assert (status, time_stamp_tokens.status_of(said)) == (200, "rejection")


async def test_other_kinds_and_sizes_are_not_read(wechat: WeChat) -> None:
    for body, headers in ((question(b"x"), {"content-type": "text/plain"}), (bytes(5000), KIND)):
        async with wechat.http.post(f"{wechat.url}/tsa", data=body, headers=headers) as got:
            assert got.status == 400
