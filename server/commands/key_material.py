"""`xcert keys …`: make, rotate and list the key material."""

from __future__ import annotations

import argparse

from server.machinery import keys
from server.settings import Settings

_PURPOSE_NAMES = {
    "field": "敏感字段加密",
    "index": "证件号码索引",
    "session": "登录会话",
    "scan": "签发二维码",
    "receipt": "签发回执",
    "certificate": "证书核验码",
    "seal": "电子印章",
}


def create(given: argparse.Namespace, settings: Settings) -> int:
    """Make what is missing; in production the seal gets a certificate request for a real CA."""
    keys.create(settings.keys_dir, development=given.development, organisation=settings.issuer)
    _print(settings)
    for request in sorted(settings.keys_dir.glob("seal-*.csr")):
        if not request.with_suffix(".crt").exists():
            print(f"请把 {request} 交给电子认证机构，把签回的证书链存为 {request.with_suffix('.crt')}。")
    print(f"请备份 {settings.keys_dir}：密钥丢失后，已加密的证件号码无法读出，已签发的证书无法核验。")
    return 0


def rotate(given: argparse.Namespace, settings: Settings) -> int:
    """One more epoch of one purpose."""
    made = keys.rotate(settings.keys_dir, given.purpose, organisation=settings.issuer)
    print(f"已新增 {_PURPOSE_NAMES[made.purpose]}（{made.purpose}）第 {made.epoch} 期：{made.path}")
    print("请重新启动服务使其生效，并重新备份密钥目录。旧密钥不要删除。")
    return 0


def listing(given: argparse.Namespace, settings: Settings) -> int:
    """Every key: purpose, epoch, and which one writes."""
    _print(settings)
    return 0


def _print(settings: Settings) -> None:
    found = keys.listing(settings.keys_dir)
    if not found:
        print(f"{settings.keys_dir} 里还没有密钥，请运行 xcert keys create。")
    for key in found:
        use = "在用" if key.is_current else "仅用于验证和解密"
        print(f"{key.purpose:<12}{_PURPOSE_NAMES[key.purpose]}　第 {key.epoch} 期　{use}　{key.path}")
