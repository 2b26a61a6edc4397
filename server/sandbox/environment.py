"""What the sandbox is told by its environment: every name it reads, with what it means and what holds without it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from urllib.parse import urlsplit

from server.sandbox import account_file
from server.sandbox.config import (
    Account,
    Merchant,
    SandboxConfig,
    Template,
    registered,
    registered_people,
    registered_roles,
)

MODES = ("safe", "compat", "plain")
SECRETS = ("SECRET", "TOKEN", "AES_KEY")
TEMPLATE = re.compile(r"WECHAT_(OA|MP)_(TEMPLATE|SUBSCRIBE)_(\w+)")

# In the order of README's table, which a test compares with this one.
NAMES = {
    "SANDBOX_PORT": "端口，默认 8001",
    "SANDBOX_HOST": "监听地址，默认 127.0.0.1；手机页面没有登录，不要对外开放",
    "SANDBOX_SERVICE_URL": "被测服务的网址；不填用 XCERT_PUBLIC_URL，再没有就是 http://127.0.0.1:8000",
    "SANDBOX_OA_PUSH_URL": "公众号消息推送的网址，默认 {服务}/wechat/oa",
    "SANDBOX_MP_PUSH_URL": "小程序消息推送的网址，默认 {服务}/wechat/mp",
    "SANDBOX_PROGRAM_API": "示例小程序请求的接口，默认 {服务}/mp/v1",
    "SANDBOX_DATA_DIR": "状态、账号和登记文件放在哪里；不填用 XCERT_DATA_DIR，再没有就是 var",
    "SANDBOX_NAME": "公众号和商户的名字；不填用 XCERT_ISSUER，再没有就是“示例公众号”",
    "SANDBOX_PROGRAM_NAME": "小程序的名字，默认“小程序”",
    "WECHAT_OA_APPID": "公众号的 AppID；另有 WECHAT_OA_SECRET、WECHAT_OA_TOKEN、WECHAT_OA_AES_KEY",
    "WECHAT_MP_APPID": "小程序的 AppID；另有 WECHAT_MP_SECRET、WECHAT_MP_TOKEN、WECHAT_MP_AES_KEY",
    "WECHAT_OA_MODE": "推送的加密方式：safe（默认）、compat 或 plain",
    "WECHAT_PAY_MCHID": "商户号；另有 WECHAT_PAY_APIV3_KEY 和 SANDBOX_PAY_MCH_CERTIFICATE（商户证书，PEM）",
}


class EnvironmentProblem(Exception):
    """One clear line for each thing that is missing or wrong."""


def from_environment(values: Mapping[str, str]) -> SandboxConfig:
    """The configuration; accounts that nobody named are invented and kept in the data folder.

    Raises:
        EnvironmentProblem: something is missing or cannot be.
    """
    if values.get("XCERT_ENV") == "production":
        raise EnvironmentProblem("微信沙箱不能在生产环境（XCERT_ENV=production）启动。")
    folder = Path(values.get("SANDBOX_DATA_DIR") or values.get("XCERT_DATA_DIR") or "var")
    is_named = any(values.get(f"WECHAT_{kind}_APPID") for kind in ("OA", "MP"))
    kept = account_file.stored(folder) if is_named else account_file.complete(folder)
    said = {name: value for name, value in values.items() if value}
    given = said if is_named else {**kept, **said}
    service = _origin(values)
    register = folder / "sandbox"
    templates = {(t.account, t.id): t for t in _templates(given)}
    templates |= {(t.account, t.id): t for t in registered(register / "templates.json")}
    return SandboxConfig(
        accounts=_accounts(given),
        service_url=service,
        data_path=register / "state.sqlite3",
        host=values.get("SANDBOX_HOST") or "127.0.0.1",
        port=_port(values),
        templates=tuple(templates.values()),
        push_mode=_mode(values),
        merchant=_merchant(given, kept, folder),
        people=tuple(registered_people(register / "people.json")),
        push_urls={
            kind: url for kind in ("oa", "mp") if (url := _url(values, f"SANDBOX_{kind.upper()}_PUSH_URL"))
        },
        program_api=_url(values, "SANDBOX_PROGRAM_API"),
        roles=tuple(registered_roles(register / "roles.json")),
    )


def _origin(values: Mapping[str, str]) -> str:
    name = "SANDBOX_SERVICE_URL" if values.get("SANDBOX_SERVICE_URL") else "XCERT_PUBLIC_URL"
    return _url(values, name) or "http://127.0.0.1:8000"


def _url(values: Mapping[str, str], name: str) -> str:
    url = values.get(name, "").strip().rstrip("/")
    if url and (urlsplit(url).scheme not in ("http", "https") or not urlsplit(url).netloc):
        raise EnvironmentProblem(f"{name} 应为以 http:// 或 https:// 开头的网址。")
    return url


def _port(values: Mapping[str, str]) -> int:
    text = values.get("SANDBOX_PORT") or "8001"
    if not (text.isascii() and text.isdigit() and int(text) < 2**16):
        raise EnvironmentProblem("SANDBOX_PORT 应为 0 到 65535 的整数。")
    return int(text)


def _mode(values: Mapping[str, str]) -> str:
    mode = values.get("WECHAT_OA_MODE") or "safe"
    if mode not in MODES:
        raise EnvironmentProblem("WECHAT_OA_MODE 应为 safe、compat 或 plain。")
    return mode


def _accounts(given: Mapping[str, str]) -> tuple[Account, ...]:
    names = {
        "oa": given.get("SANDBOX_NAME") or given.get("XCERT_ISSUER") or "示例公众号",
        "mp": given.get("SANDBOX_PROGRAM_NAME") or "小程序",
    }
    accounts = []
    for kind, name in names.items():
        prefix = f"WECHAT_{kind.upper()}_"
        if not given.get(prefix + "APPID"):
            continue
        missing = [prefix + part for part in SECRETS if not given.get(prefix + part)]
        if missing:
            raise EnvironmentProblem(f"已有 {prefix}APPID，还缺少 {'、'.join(missing)}。")
        secret, token, aes_key = (given[prefix + part] for part in SECRETS)
        accounts.append(Account(kind, given[prefix + "APPID"], secret, token, aes_key, name))
    return tuple(accounts)


def _templates(given: Mapping[str, str]) -> list[Template]:
    """A service's settings that name a template: WECHAT_OA_TEMPLATE_…, WECHAT_MP_SUBSCRIBE_… and so on."""
    found = []
    for name, value in given.items():
        if value and (match := TEMPLATE.fullmatch(name)):
            use = "once" if match[2] == "SUBSCRIBE" else ""
            found.append(Template(value, match[3].replace("_", " ").lower(), match[1].lower(), use=use))
    return found


def _merchant(given: Mapping[str, str], kept: Mapping[str, str], folder: Path) -> Merchant | None:
    """The merchant of the file, or one's own with its certificate, for which the platform's keys are invented."""
    mchid = given.get("WECHAT_PAY_MCHID", "")
    if not mchid:
        return None
    if own := given.get("SANDBOX_PAY_MCH_CERTIFICATE", "").replace("\\n", "\n"):
        if not given.get("WECHAT_PAY_APIV3_KEY"):
            raise EnvironmentProblem("已有 SANDBOX_PAY_MCH_CERTIFICATE，还缺少 WECHAT_PAY_APIV3_KEY。")
        account = {**account_file.complete(folder), **given, "SANDBOX_PAY_MCH_CERTIFICATE": own}
    elif kept.get("WECHAT_PAY_MCHID") == mchid:
        account = dict(kept)
    else:
        return None
    return Merchant(
        mchid=mchid,
        name=given.get("SANDBOX_NAME") or given.get("XCERT_ISSUER") or "示例商户",
        certificate=account["SANDBOX_PAY_MCH_CERTIFICATE"],
        apiv3_key=account["WECHAT_PAY_APIV3_KEY"],
        public_key_id=account["WECHAT_PAY_PUBLIC_KEY_ID"],
        public_key_private=account["SANDBOX_PAY_PUBLIC_KEY_PRIVATE"],
        platform_certificate=account["WECHAT_PAY_CERTIFICATES"],
        platform_certificate_private=account["SANDBOX_PAY_CERTIFICATE_PRIVATE"],
    )
