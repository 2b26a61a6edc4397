"""`xcert audit verify` and `export`: an operator sees that the trail is whole, and others can see it for themselves."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import asyncpg
import pytest

from server.adapters.storage import FolderFileStore
from server.domain.actor import SYSTEM
from server.domain.audit import audit_log, chain
from server.domain.ports import Services
from server.models import database
from tests.commands.conftest import Xcert
from tests.kit.exchange import exchange


@pytest.fixture
async def trail(services: Services, environment: dict[str, str], db_url: str) -> str:
    """Some entries, linked."""
    exchange(services, file_store=FolderFileStore(Path(environment["XCERT_DATA_DIR"]) / "vault"))
    for number in range(5):
        await audit_log.record(services.clock, SYSTEM, "test.do", "thing", number, became={"名": "王敏"})
    await chain.extend(services)
    await chain.extend(services)
    await database.close()
    return db_url


def reckoned(lines: list[bytes]) -> str:
    """The last link's hash, reckoned by what docs/operate.md says and nothing else."""
    before, digests = bytes(32), b""
    count = 0
    for line in lines:
        told = json.loads(line)
        if "link" not in told:
            digests += hashlib.sha256(line).digest()
            count += 1
            continue
        entries = hashlib.sha256(digests).digest()
        numbers = b"".join(n.to_bytes(8, "big") for n in (told["link"], told["until_id"], told["count"]))
        before = hashlib.sha256(b"xcert-audit-1\n" + before + numbers + entries).digest()
        assert (before.hex(), told["count"]) == (told["hash"], count)
        digests, count = b"", 0
    return before.hex()


async def test_the_trail_is_verified_and_exported(xcert: Xcert, trail: str, tmp_path: Path) -> None:
    seen = xcert("audit", "verify")
    assert (seen.returncode, seen.stderr) == (0, "")
    assert seen.stdout.startswith("✓ 5 条审计记录、1 节与当时写下的一致，另有 0 条等着入链")
    head = seen.stdout.partition("链头：")[2].split()[0]
    assert xcert("audit", "verify", "--head", head).returncode == 0
    other = xcert("audit", "verify", "--head", "00" * 32)
    assert (other.returncode, "不在链上" in other.stdout) == (3, True)
    made = xcert("audit", "export", tmp_path / "trail.jsonl")
    assert (made.returncode, made.stderr) == (0, "")
    assert made.stdout == f"5 条审计记录已写到 {tmp_path / 'trail.jsonl'}，链头：{head}\n"
    lines = (tmp_path / "trail.jsonl").read_bytes().splitlines()
    assert reckoned(lines) == head
    assert (tmp_path / "trail.jsonl").stat().st_mode & 0o777 == 0o600
    again = xcert("audit", "export", tmp_path / "trail.jsonl")
    assert (again.returncode, "已经存在" in again.stderr) == (1, True)
    rest = xcert("audit", "export", tmp_path / "rest.jsonl", "--after", "1")
    assert (rest.returncode, (tmp_path / "rest.jsonl").read_bytes()) == (0, b"")
    none = xcert("audit", "export", tmp_path / "none.jsonl", "--after", "9")
    assert (none.returncode, none.stderr) == (1, "链上没有第 9 节。\n")


async def test_a_changed_entry_is_told(xcert: Xcert, trail: str) -> None:
    link = await asyncpg.connect(trail)
    await link.execute("ALTER TABLE audit_entry DISABLE TRIGGER audit_entry_no_change")
    await link.execute("UPDATE audit_entry SET actor_name = '别人' WHERE id = 3")
    await link.execute("ALTER TABLE audit_entry ENABLE ALWAYS TRIGGER audit_entry_no_change")
    await link.close()
    seen = xcert("audit", "verify")
    assert seen.returncode == 3
    assert seen.stdout.startswith("✗ 第 1 节（审计编号 1–5）：有记录的内容被改过，或这一节被换过。\n")
