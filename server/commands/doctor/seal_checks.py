"""The electronic seal: whether it can seal now, and how long it will."""

from __future__ import annotations

import asyncio

from server.adapters import keys, seal_certificates
from server.adapters.clock import SystemClock
from server.adapters.documents.self_test import trial_seal
from server.commands.doctor.findings import Finding, bad, look, ok
from server.domain.beijing import day, say_day
from server.settings import Settings

TITLE = "电子印章"


async def check(settings: Settings) -> Finding:
    """The certificates are judged, and one seal is put on trial and verified."""
    clock = SystemClock()
    try:
        folder = keys.KeyFolder(settings.keys_dir, production=settings.is_production, now=clock.now)
        seal = folder.seal_credentials()
    except keys.KeysMissing as error:
        return bad(TITLE, str(error))
    if fault := folder.seal_problem():
        return bad(TITLE, fault)
    if fault := await asyncio.to_thread(trial_seal, folder, clock, issuer=settings.issuer):
        return bad(TITLE, fault)
    warning = seal_certificates.warning(seal, clock.now())
    days = (seal.ends() - clock.now()).days
    if days < seal_certificates.WARN_DAYS[1]:
        return bad(TITLE, warning)
    text = f"{seal.algorithm}，有效期至 {say_day(day(seal.ends()))}，试盖并核验通过"
    return look(TITLE, f"{text}；{warning}") if warning else ok(TITLE, text)


def check_files(settings: Settings) -> Finding | None:
    """Key files that every user of this machine may read; None when there are none."""
    if not (names := keys.open_to_others(settings.keys_dir)):
        return None
    return look(
        "密钥文件权限",
        f"{names[0]} 等 {len(names)} 个可被本机其他用户读取，请运行 chmod -R o-rwx {settings.keys_dir}",
    )
