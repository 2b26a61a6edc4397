"""`xcert files check` and `xcert files copy` as an operator runs them."""

from __future__ import annotations

from pathlib import Path

import pytest

from server.adapters.storage import FolderFileStore
from server.domain.ports import Services
from server.models import AuditEntry, Certificate
from tests.commands.conftest import Run
from tests.kit import issuing
from tests.kit.exchange import exchange
from tests.kit.jobs import drained
from tests.kit.object_store import BUCKET, Trouble, Way


@pytest.fixture
async def certificates(services: Services, environment: dict[str, str]) -> list[Certificate]:
    """A batch that is issued, its files in the folder where they always were."""
    exchange(services, file_store=FolderFileStore(Path(environment["XCERT_DATA_DIR"]) / "vault"))
    await issuing.generating(services, await issuing.cohort(services))
    await drained(services)
    return await Certificate.all().order_by("pdf_key")


async def test_files_move_to_a_bucket_and_are_checked_there(
    run: Run, certificates: list[Certificate], objects: Way, environment: dict[str, str]
) -> None:
    here = await run("files", "check")
    assert (here.returncode, here.stderr) == (0, "")
    assert here.stdout.startswith("登记的文件 4 个：4 个内容与记录相符，缺失 0 个，不符 0 个。\n")
    there = objects.environment("prod")
    before = await run("files", "check", "--quick", **there)
    assert before.returncode == 3
    assert before.stdout.count("✗ 缺失：certificates/") == 4
    moved = await run("files", "copy", **there)
    folder = Path(environment["XCERT_DATA_DIR"]) / "vault"
    assert moved.returncode == 0, moved.stderr
    assert moved.stdout.startswith(f"{folder} 的 4 个文件：复制 4 个（")
    again = await run("files", "copy", f"file://{folder}", **there)
    assert f"s3://{BUCKET}/prod 里已有 4 个" in again.stdout
    after = await run("files", "check", **there)
    assert (after.returncode, "4 个内容与记录相符" in after.stdout) == (0, True), after.stdout
    [first, second] = await AuditEntry.filter(action="files.copy").order_by("id")
    assert (first.became, second.became) == (
        {"copied": 4, "same": 0, "newer": 0},
        {"copied": 0, "same": 4, "newer": 0},
    )
    lost, changed = certificates[0], certificates[3]
    (objects.folder / "prod" / lost.pdf_key).unlink()
    (objects.folder / "prod" / changed.pdf_key).write_bytes(b"x")
    found = await run("files", "check", **there)
    assert found.returncode == 3
    assert found.stdout.splitlines()[:2] == [
        f"✗ 缺失：{lost.pdf_key}（证书 {lost.number}）",
        f"✗ 不符：{changed.pdf_key}（证书 {changed.number}）",
    ]
    assert "登记的文件 4 个：2 个内容与记录相符，缺失 1 个，不符 1 个。" in found.stdout
    rest = await run("files", "check", "--after", changed.pdf_key, **there)
    assert (rest.returncode, f"登记的文件（{changed.pdf_key} 之后） 0 个" in rest.stdout) == (0, True)


async def test_what_cannot_be_done_is_said(run: Run, certificates: list[Certificate], objects: Way) -> None:
    same = await run("files", "copy")
    assert (same.returncode, "是同一处" in same.stderr) == (1, True)
    there = objects.environment()
    nothing = await run("files", "copy", "file:///nowhere/at/all", **there)
    assert (nothing.returncode, "不是目录" in nothing.stderr) == (1, True)
    wrong = await run("files", "copy", "ftp://x", **there)
    assert (wrong.returncode, "来源 ftp://x 不对" in wrong.stderr) == (1, True)
    objects.trouble = Trouble(status=403, code="AccessDenied")
    refused = await run("files", "check", **there)
    assert refused.returncode == 1
    assert refused.stderr.startswith("对象存储拒绝访问")
    assert "还没有核对完一个文件" in refused.stderr
