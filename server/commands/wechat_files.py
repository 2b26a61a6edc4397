"""`xcert wechat file …`: the verification files that WeChat asks a site to show."""

from __future__ import annotations

import argparse

from server import os_errors
from server.commands import Impossible
from server.commands.with_services import with_services
from server.domain.ports import Services
from server.domain.wechat_chat import site_files
from server.settings import Settings


def add(args: argparse.Namespace, settings: Settings) -> int:
    """Keep a file and print where it is shown. Its name stays as WeChat gave it."""
    try:
        with args.file.open("rb") as handle:
            data = handle.read(site_files.LARGEST + 1)
    except OSError as error:
        raise Impossible(f"无法读取 {args.file}：{os_errors.cause(error)}") from None

    async def keep(s: Services) -> site_files.SiteFile:
        return await site_files.add(s.file_store, args.under, args.file.name, data)

    print(f"已放好：{settings.public_url}{with_services(settings, keep).path}\n现在可以到微信后台点“验证”。")
    return 0


def remove(args: argparse.Namespace, settings: Settings) -> int:
    """Take a file away."""

    async def drop(s: Services) -> site_files.SiteFile:
        return await site_files.remove(s.file_store, args.under, args.name)

    print(f"已移除：{settings.public_url}{with_services(settings, drop).path}")
    return 0


def listing(args: argparse.Namespace, settings: Settings) -> int:
    """Every file with its address."""
    files = with_services(settings, site_files.listing)
    for file, size in files:
        print(f"{settings.public_url}{file.path}　{size} 字节")
    if not files:
        print("还没有验证文件。用 xcert wechat file add 文件 放一个。")
    return 0
