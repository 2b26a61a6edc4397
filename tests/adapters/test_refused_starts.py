"""What production does not start with: every row of docs/operate.md, all told at once, and an environment nobody named."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from server import cli, production_settings
from server.adapters import keys
from server.settings import SettingsError, load
from tests.conftest import ISSUER
from tests.kit.complete_settings import PRODUCTION

Told = list[str]


def refused(environ: dict[str, str]) -> Told:
    with pytest.raises(SettingsError) as refusal:
        load(environ, env_file=None)
    return refusal.value.problems


def of_setting(name: str, value: str, **more: str) -> Callable[[Path], Told]:
    return lambda _: refused(PRODUCTION | {name: value} | more)


def unnamed(_: Path) -> Told:
    return refused({name: value for name, value in PRODUCTION.items() if name != "XCERT_ENV"})


def development_keys(folder: Path) -> Told:
    keys.create(folder, development=True, organisation=ISSUER)
    return refused_keys(folder)


def readable_keys(folder: Path) -> Told:
    keys.create(folder, development=False, organisation=ISSUER)
    assert keys.unsafe_keys(folder) == []
    (folder / "field-0001.key").chmod(0o644)
    return refused_keys(folder)


def refused_keys(folder: Path) -> Told:
    with pytest.raises(keys.KeysUnsafe) as refusal:
        keys.KeyFolder(folder, production=True)
    return str(refusal.value).splitlines()


PROVOKED: tuple[tuple[tuple[str, Callable[[Path], Told]], ...], ...] = (  # row by row of the table
    (("XCERT_ENV", unnamed),),
    (("XCERT_PUBLIC_URL", of_setting("XCERT_PUBLIC_URL", "http://cert.example.cn")),
     ("XCERT_PUBLIC_URL", of_setting("XCERT_PUBLIC_URL", "https://cert.example.cn:8443"))),
    tuple((name, of_setting(name, value))
          for name in ("WECHAT_API_URL", "WECHAT_OPEN_URL", "WECHAT_PAY_URL", "WECHAT_JS_URL")
          for value in ("http://127.0.0.1:18111", "https://evil.example")),
    tuple((name, of_setting(name, "wxsandboxoa00000001")) for name in ("WECHAT_OA_APPID", "WECHAT_MP_APPID")),
    tuple((name, of_setting(name, "plain")) for name in ("WECHAT_OA_MODE", "WECHAT_MP_MODE")),
    (("XCERT_SECOND_FACTOR", of_setting("XCERT_SECOND_FACTOR", "optional")),),
    (("XCERT_TSA_CERTIFICATES", of_setting("XCERT_TSA_URL", "https://tsa.example.cn")),),
    (("XCERT_S3_ENDPOINT", of_setting("XCERT_S3_ENDPOINT", "http://s3.example.cn", XCERT_FILES_URL="s3://bucket",
                                      XCERT_S3_ACCESS_KEY="a", XCERT_S3_SECRET_KEY="s")),),
    (("密钥目录", development_keys),),
    (("密钥文件 field-0001.key", readable_keys),),
)  # fmt: skip


@pytest.mark.parametrize("row", range(len(production_settings.REFUSALS)))
def test_every_row_of_the_table_is_refused_in_one_line(row: int, tmp_path: Path) -> None:
    told = [(names, provoke(tmp_path / "keys")) for names, provoke in PROVOKED[row]]
    assert [(len(lines), begin in lines[0]) for begin, lines in told] == [(1, True)] * len(told), told
    settings_of_row = set(production_settings.REFUSALS[row].settings)
    assert settings_of_row == {"XCERT_KEYS_DIR"} or settings_of_row == {begin for begin, _ in told}


def test_all_of_it_is_told_at_once_and_the_code_is_two(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "keys"
    keys.create(folder, development=True, organisation=ISSUER)
    (folder / "scan-0001.key").chmod(0o640)
    (folder / "field-0001.key").chmod(0o604)
    wrong = PRODUCTION | {
        "XCERT_PUBLIC_URL": "http://cert.example.cn",
        "XCERT_KEYS_DIR": str(folder),
        "WECHAT_API_URL": "https://evil.example",
        "WECHAT_OA_APPID": "wxsandboxoa00000001",
        "WECHAT_OA_MODE": "plain",
    }
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(os, "environ", wrong)
    with pytest.raises(SystemExit) as left:
        cli.main(["serve"])
    lines = capsys.readouterr().err.splitlines()
    assert left.value.code == 2
    assert [line.split()[0] for line in lines[1:]] == [
        "XCERT_PUBLIC_URL", "WECHAT_API_URL", "WECHAT_OA_APPID", "WECHAT_OA_MODE", "密钥目录", "密钥文件",
    ]  # fmt: skip
    assert "field-0001.key 等 1 个" in lines[-1]  # who shares the group was let in by somebody


def test_development_that_is_named_starts_with_the_real_accounts_and_says_so() -> None:
    from server import start_cautions

    [sentence] = start_cautions.cautions(
        load(PRODUCTION | {"XCERT_ENV": "development", "XCERT_PROXIES": "1"}, env_file=None)
    )
    assert sentence.startswith("XCERT_ENV 是 development，填的却是正式的微信账号")


@pytest.mark.parametrize(
    ("url", "word"),
    [
        ("rediss://:a@cache.example.cn:6380/0?ssl_cert_reqs=none", "ssl_cert_reqs=none"),
        ("rediss://:a@cache.example.cn:6380/0?ssl_cert_reqs=optional", "ssl_cert_reqs=optional"),
        ("rediss://:a@cache.example.cn:6380/0?ssl_check_hostname=false", "ssl_check_hostname=false"),
        ("rediss://:a@cache.example.cn:6380/0?ssl_cert_reqs=required&ssl_check_hostname=true", ""),
        ("rediss://:a@cache.example.cn:6380/0", ""),
        ("rediss://:a@127.0.0.1:6380/0?ssl_cert_reqs=none", ""),
    ],
)
def test_an_encrypted_redis_whose_certificate_nobody_looks_at_is_said(url: str, word: str) -> None:
    from server import start_cautions

    said = start_cautions.cautions(replace(load(PRODUCTION, env_file=None), redis_url=url))
    assert [one for one in said if "XCERT_REDIS_URL" in one] == (
        [one for one in said if one.startswith(f"XCERT_REDIS_URL 写着 {word}：")] if word else []
    )
    assert any(word in one for one in said) or not word


def test_a_sandbox_of_ones_own_needs_no_environment() -> None:
    assert not load({"WECHAT_OA_APPID": "wxsandboxoa00000001"}, env_file=None).is_production
    own = {"WECHAT_OA_APPID": "wx0123456789abcdef", "WECHAT_API_URL": "http://127.0.0.1:18111"}
    assert not load(own, env_file=None).is_production
    assert not load({"XCERT_PUBLIC_URL": "https://cert.example.cn"}, env_file=None).is_production
    for calls in ("", "https://api.weixin.qq.com"):
        with pytest.raises(SettingsError, match="没有填写 XCERT_ENV"):
            load(own | {"WECHAT_API_URL": calls}, env_file=None)
