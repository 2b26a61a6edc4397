"""`xcert keys …`: make, rotate, retire and list the key material; give identity numbers their new index."""

from __future__ import annotations

import argparse
from datetime import timedelta

from server.adapters import keys
from server.commands.with_services import with_services
from server.domain.actor import SYSTEM
from server.domain.beijing import say_minute
from server.domain.corrections import number_index
from server.domain.key_care import reencryption
from server.domain.people import candidate_phones, identity_index
from server.domain.ports import Services
from server.domain.training import phone_index
from server.settings import Settings

_PURPOSE_NAMES = {
    "field": "敏感字段加密",
    "index": "证件号码索引",
    "session": "登录会话",
    "scan": "签发二维码",
    "receipt": "签发凭据",
    "certificate": "证书核验码",
    "credential": "可验证凭证",
    "log": "公开签发日志",
    "seal": "电子印章",
}


def create(args: argparse.Namespace, settings: Settings) -> int:
    """Make what is missing; in production the seal gets a certificate request for a real CA."""
    keys.create(settings.keys_dir, development=args.development, organisation=settings.issuer)
    _print(settings)
    _ask_for_certificates(settings)
    print(f"请备份 {settings.keys_dir}：密钥丢失后，已加密的证件号码无法读出，已签发的证书无法核验。")
    return 0


def _ask_for_certificates(settings: Settings) -> None:
    for request in sorted(settings.keys_dir.glob("seal-*.csr")):
        if not request.with_suffix(".crt").exists():
            print(
                f"请把 {request} 交给电子认证机构，把签回的证书链存为 {request.with_suffix('.crt')}。\n"
                "  证书链里自己的在前，其后依次是上级。申请用 ECDSA P-256；机构只发 RSA（2048–4096 位）时，"
                "用机构给的私钥替换同名的 .pem。"
            )


def rotate(args: argparse.Namespace, settings: Settings) -> int:
    """One more epoch of one purpose, which writes from a set time on."""
    wait = timedelta(0) if args.now else timedelta(hours=max(0.0, args.after))
    key = keys.rotate(settings.keys_dir, args.purpose, organisation=settings.issuer, wait=wait)
    print(f"已新增 {_PURPOSE_NAMES[key.purpose]}（{key.purpose}）第 {key.epoch} 期：{key.path}")
    if key.life.begins is not None:
        print(
            f"运行中的服务一分钟内读到它，{say_minute(key.life.begins)}（北京时间）起用于写。"
            "多台服务器请在此之前把密钥目录同步到每一台。"
        )
    if key.purpose == "index":
        print("开始使用之后请运行 xcert keys reindex，把已有证件号码换成新索引。")
    _ask_for_certificates(settings)
    print("请重新备份密钥目录。旧密钥不要删除。")
    return 0


def retire(args: argparse.Namespace, settings: Settings) -> int:
    """Publish that a key is no longer to be trusted, and why."""
    key = keys.retire(settings.keys_dir, args.purpose, args.epoch, reason=args.reason)
    assert key.life.retired_at is not None
    when = say_minute(key.life.retired_at)
    print(
        f"{_PURPOSE_NAMES[key.purpose]}（{key.purpose}）第 {key.epoch} 期已于 {when}（北京时间）停用：{key.life.reason}"
    )
    if key.purpose in ("certificate", "receipt", "seal"):
        print("停用会随公钥一起公布：联网核验照常以发放记录为准，离线核验会提示须联网确认。文件不要删除。")
    else:
        print("文件不要删除：已有的数据仍要用它读取。")
    return 0


def reindex(args: argparse.Namespace, settings: Settings) -> int:
    """Give every candidate the index of the key that writes now. May be run again at any time.

    Returns:
        0 when all have it; 3 when some are left or two people turn out to have one identity number.
    """

    async def work(s: Services) -> identity_index.Reindexed:
        await phone_index.reindex(s.keys)
        await candidate_phones.reindex(s.keys)
        await number_index.reindex(s.keys)
        return await identity_index.reindex(s.clock, s.keys, actor=SYSTEM)

    result = with_services(settings, work)
    print(f"证件号码索引：已换 {result.changed} 人，原已是新索引 {result.unchanged} 人。")
    if result.waiting:
        print(f"{result.waiting} 人在签发中的批次里，批次办结后请再运行一次。")
    for one, other in result.doubles:
        print(f"考生 {one} 与考生 {other} 的证件号码相同，请核对后处理；两人都没有改动。")
    return 3 if result.waiting or result.doubles else 0


def reencrypt(args: argparse.Namespace, settings: Settings) -> int:
    """Encrypt anew, under the key that writes now, all that lies under older ones. May be run again at any time.

    Returns:
        0 when nothing lies under an older key any more; 3 when something could not be read, or is left for the next run.
    """

    async def work(s: Services) -> reencryption.Reencrypted:
        return await reencryption.reencrypt(s, actor=SYSTEM)

    done = with_services(settings, work)
    print(f"已换成现在的密钥：{done.values} 处内容，{done.files} 个文件。")
    if done.left:
        print(f"{done.left} 处正有人改动或文件不在，请再运行一次；文件不在的请运行 xcert files check。")
    for one in done.unreadable[:20]:
        print(f"{one}：用哪一期密钥都读不出，没有改动；请从密钥备份找回那一期密钥。")
    if len(done.unreadable) > 20:
        print(f"……共 {len(done.unreadable)} 处读不出。")
    return 3 if done.left or done.unreadable else 0


def listing(args: argparse.Namespace, settings: Settings) -> int:
    """Every key: purpose, epoch, and which one writes."""
    _print(settings)
    return 0


def _print(settings: Settings) -> None:
    listed_keys = keys.listing(settings.keys_dir)
    if not listed_keys:
        print(f"{settings.keys_dir} 里还没有密钥，请运行 xcert keys create。")
    for key in listed_keys:
        print(f"{key.purpose:<12}{_PURPOSE_NAMES[key.purpose]}　第 {key.epoch} 期　{_use(key)}　{key.path}")


def _use(key: keys.KeyFile) -> str:
    if key.life.retired_at is not None:
        return f"已停用（{say_minute(key.life.retired_at)}，{key.life.reason}）"
    if key.is_current:
        return "在用"
    if not key.is_ready:
        return "等待证书（.crt）"
    others = [
        one.epoch for one in keys.listing(key.path.parent) if one.purpose == key.purpose and one.is_current
    ]
    if key.life.begins is not None and (not others or key.epoch > others[0]):
        return f"已公布，{say_minute(key.life.begins)} 起用"
    return "仅用于验证和解密"
