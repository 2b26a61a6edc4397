"""What the doctor says of the authority that stamps the time."""

from __future__ import annotations

import dataclasses
import re
from datetime import UTC, datetime

from cryptography.hazmat.primitives.serialization import Encoding

from server.commands.doctor import stamp_checks
from server.sandbox.time_stamping import Authority
from server.settings import Settings
from tests.kit.stamping import StampServer, stamp_server


async def test_the_time_stamp_authority_answers_or_one_reads_why_not(settings: Settings) -> None:
    with stamp_server(
        StampServer(authority=Authority.make(datetime.now(UTC)), moment=datetime.now(UTC))
    ) as tsa:
        asked = dataclasses.replace(settings, tsa_url=tsa.url)
        assert re.fullmatch(
            "✓ 时间戳：xcert sandbox 沙箱时间戳服务 应答正常，与本机相差 [0-9]+ 秒",
            str(await stamp_checks.check(asked)),
        )
        stranger = Authority.make(datetime.now(UTC)).root.public_bytes(Encoding.PEM).decode()
        assert str(await stamp_checks.check(dataclasses.replace(asked, tsa_certificates=stranger))) == (
            "✗ 时间戳：时间戳不是由设置的机构签发的；在它应答之前证书不能生成，请检查 XCERT_TSA_URL 和网络"
        )
        tsa.status = 500
        assert str(await stamp_checks.check(asked)).startswith("✗ 时间戳：HTTP 500；")
