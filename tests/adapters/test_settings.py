"""Settings: read once, wrong ones told line by line, and nothing works by a secret's default in production."""

from __future__ import annotations

import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import fields
from datetime import UTC, datetime
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import load_pem_private_key, load_pem_public_key

from server import sandbox_account
from server.settings import Settings, SettingsError, as_environment, load
from tests.kit.complete_settings import PRODUCTION


def read(environ: dict[str, str]) -> Settings:
    return load(environ, env_file=None)


def test_every_variable_is_declared_once() -> None:
    names = [f.metadata["env"] for f in fields(Settings)]
    assert len(names) == len(set(names))


def test_production_with_everything_starts() -> None:
    settings = read(PRODUCTION)
    assert (settings.is_production, settings.uses_sandbox) == (True, False)


@pytest.mark.parametrize(
    ("change", "begins"),
    [
        ({"WECHAT_API_URL": "http://127.0.0.1:18111"}, "WECHAT_API_URL 在生产环境必须是 https:// 网址"),
        ({"WECHAT_PAY_URL": "http://api.mch.weixin.qq.com"}, "WECHAT_PAY_URL 在生产环境必须是 https:// 网址"),
        ({"WECHAT_OPEN_URL": "https://evil.example"}, "WECHAT_OPEN_URL 不是微信的域名"),
        ({"WECHAT_JS_URL": "https://evil.example/x.js"}, "WECHAT_JS_URL 不是微信的域名"),
        ({"WECHAT_OA_APPID": "wxsandboxoa00000001"}, "WECHAT_OA_APPID 是沙箱的 AppID"),
        ({"WECHAT_OA_MODE": "plain"}, "WECHAT_OA_MODE 在生产环境不能是 plain"),
        ({"WECHAT_MP_MODE": "plain"}, "WECHAT_MP_MODE 在生产环境不能是 plain"),
    ],
)
def test_production_refuses_what_undoes_its_protection(change: dict[str, str], begins: str) -> None:
    with pytest.raises(SettingsError) as refusal:
        read(PRODUCTION | change)
    assert [line[: len(begins)] for line in refusal.value.problems] == [begins]


def test_production_takes_a_relay_that_is_named() -> None:
    relay = {
        "WECHAT_API_URL": "https://wechat.relay.example.cn",
        "XCERT_WECHAT_HOSTS": "wechat.relay.example.cn",
    }
    assert read(PRODUCTION | relay).api_url == "https://wechat.relay.example.cn"


def test_production_names_each_missing_secret_on_its_own_line() -> None:
    environ = {k: v for k, v in PRODUCTION.items() if k not in ("WECHAT_OA_SECRET", "XCERT_REDIS_URL")}
    with pytest.raises(SettingsError) as refusal:
        read(environ)
    assert refusal.value.problems == [
        "缺少 XCERT_REDIS_URL：Redis 地址；不填则用内嵌的",
        "缺少 WECHAT_OA_SECRET：公众号 AppSecret",
    ]


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"XCERT_ENV": "test"}, "XCERT_ENV 只能是 development 或 production"),
        ({"WECHAT_OA_MODE": "none"}, "WECHAT_OA_MODE 只能是 safe、compat 或 plain"),
        ({"WECHAT_MP_MODE": "none"}, "WECHAT_MP_MODE 只能是 safe、compat 或 plain"),
        ({"WECHAT_OA_AES_KEY": "short"}, "WECHAT_OA_AES_KEY 应为 43 位字母和数字"),
        ({"XCERT_PUBLIC_URL": "http://cert.example.cn"}, "XCERT_PUBLIC_URL 在生产环境必须是 https:// 网址"),
        ({"XCERT_PUBLIC_URL": "https://cert.example.cn/"}, "XCERT_PUBLIC_URL 末尾不要带斜杠"),
        (
            {
                "WECHAT_TEMPLATE_KEYWORDS": "WECHAT_MP_TEMPLATE_RESULT: plan=thing1; WECHAT_MP_SECRET: plan=thing1"
            },
            "WECHAT_TEMPLATE_KEYWORDS 的“WECHAT_MP_SECRET: plan=thing1”写法不对",
        ),
        (
            {"WECHAT_TEMPLATE_KEYWORDS": "WECHAT_MP_TEMPLATE_RESULT: plan=thing"},
            "WECHAT_TEMPLATE_KEYWORDS 的“WECHAT_MP_TEMPLATE_RESULT: plan=thing”写法不对",
        ),
        ({"PORT": "eighty"}, "PORT 的值不是有效的数字"),
        ({"XCERT_OTLP_URL": "collector:4318"}, "XCERT_OTLP_URL 应为 http:// 或 https:// 开头的网址"),
        (
            {"XCERT_LOG_WITNESSES": "w.example+0123abcd+BAAA https://w.example; https://no.key"},
            "XCERT_LOG_WITNESSES 的“https://no.key”应写成“公钥行 网址”",
        ),
        ({"XCERT_LOG_ORIGIN": "two words"}, "XCERT_LOG_ORIGIN 不能有空格和加号，最多 200 个字符"),
        ({"XCERT_LOG_ORIGIN": "a+b"}, "XCERT_LOG_ORIGIN 不能有空格和加号，最多 200 个字符"),
    ],
)
def test_a_wrong_value_is_told(change: dict[str, str], said: str) -> None:
    with pytest.raises(SettingsError) as refusal:
        read(PRODUCTION | change)
    assert said in refusal.value.problems


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        ("https://Cert.Example.CN", "https://cert.example.cn"),
        ("HTTPS://cert.example.cn", "https://cert.example.cn"),
        ("https://cert.example.cn:443", "https://cert.example.cn"),
        ("https://cert.example.cn:", "https://cert.example.cn"),
        ("  https://cert.example.cn\n", "https://cert.example.cn"),
        ("https://xn--fiq228c.example.cn", "https://xn--fiq228c.example.cn"),
    ],
)
def test_the_public_address_has_one_spelling(given: str, kept: str) -> None:
    assert read(PRODUCTION | {"XCERT_PUBLIC_URL": given}).public_url == kept


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        ("http://127.0.0.1:80", "http://127.0.0.1"),
        ("HTTP://LocalHost:8000", "http://localhost:8000"),
        ("http://[::1]:8000", "http://[::1]:8000"),
        ("http://[0:0::1]:80", "http://[::1]"),
    ],
)
def test_a_development_address_may_have_a_port(given: str, kept: str, tmp_path: Path) -> None:
    assert read({"XCERT_PUBLIC_URL": given, "XCERT_DATA_DIR": str(tmp_path)}).public_url == kept


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("https://cert.example.cn/", "末尾不要带斜杠"),
        ("https://cert.example.cn/app", "不能带路径（/app）：本服务须在域名的根目录，只写到域名为止"),
        ("https://cert.example.cn//", "不能带路径（//）：本服务须在域名的根目录，只写到域名为止"),
        ("https://cert.example.cn?", "不能带 ? 或 # 之后的内容，只写到域名为止"),
        ("https://cert.example.cn?a=1", "不能带 ? 或 # 之后的内容，只写到域名为止"),
        ("https://cert.example.cn#top", "不能带 ? 或 # 之后的内容，只写到域名为止"),
        ("https://u:p@cert.example.cn", "不能带用户名或密码：它会印在二维码里"),
        ("https://@cert.example.cn", "不能带用户名或密码：它会印在二维码里"),
        (
            "https://cert.example.cn:8443",
            "在生产环境不能带端口：微信只认 443 端口；请由反向代理在 443 端口转发",
        ),
        ("http://cert.example.cn", "在生产环境必须是 https:// 网址"),
        ("ftp://cert.example.cn", "应以 http:// 或 https:// 开头"),
        ("cert.example.cn", "应以 http:// 或 https:// 开头"),
        *(
            (url, "的域名或端口写法不对，应为 https://域名，如 https://cert.example.cn")
            for url in (
                "https://",
                "https://cert.example.cn:99999",
                "https://cert.example.cn:0",
                "https://cert.example.cn:port",
                "https://cert.example.cn.",
                "https://cert..example.cn",
                "https://-cert.example.cn",
                "https://cert.example.cn:80:80",
                "https://[::1",
                "https://cert.example.cn,b.cn",
                "https://'cert.example.cn",
            )
        ),
        *(
            (url, "只能有英文字符，不能有空格、换行或反斜杠；中文域名请写成 xn-- 开头的形式")
            for url in (
                "https://证书.cn",
                "https://cert. example.cn",
                "https://cert.exa\nmple.cn",
                "https://cert.exa\tmple.cn",
                "https://cert.example.cn\\evil.cn",
            )
        ),
        ("https://" + "a." * 120 + "cn", "太长，应为 https://域名，不超过200个字符"),
    ],
)
def test_an_odd_public_address_is_refused_with_one_sentence(url: str, said: str) -> None:
    with pytest.raises(SettingsError) as refusal:
        read(PRODUCTION | {"XCERT_PUBLIC_URL": url})
    assert refusal.value.problems == [f"XCERT_PUBLIC_URL {said}"]


def test_a_secret_may_come_from_a_file(tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("from-file\n", "utf-8")
    environ = {k: v for k, v in PRODUCTION.items() if k != "WECHAT_OA_SECRET"}
    assert read(environ | {"WECHAT_OA_SECRET_FILE": str(tmp_path / "secret")}).oa_secret == "from-file"


def test_a_missing_file_is_told(tmp_path: Path) -> None:
    with pytest.raises(SettingsError) as refusal:
        read(PRODUCTION | {"XCERT_ISSUER_FILE": str(tmp_path / "no")})
    assert any(line.startswith("XCERT_ISSUER_FILE：无法读取") for line in refusal.value.problems)


def test_a_dotenv_file_fills_what_is_left_out(tmp_path: Path) -> None:
    (tmp_path / ".env").write_text("XCERT_ISSUER=甲\nPORT=9000\n", "utf-8")
    environ = {"XCERT_ISSUER": "乙", "XCERT_DATA_DIR": str(tmp_path)}
    settings = load(environ, env_file=tmp_path / ".env")
    assert (settings.issuer, settings.port) == ("乙", 9000)


def test_without_wechat_the_sandbox_account_is_kept_between_starts(tmp_path: Path) -> None:
    environ = {"XCERT_DATA_DIR": str(tmp_path), "SANDBOX_PORT": "8123"}
    first, second = read(environ), read(environ)
    assert first == second
    assert (first.uses_sandbox, first.api_url, len(first.oa_aes_key)) == (True, "http://127.0.0.1:8123", 43)


def test_in_development_the_sandbox_stamps_unless_it_is_said_that_nobody_does(tmp_path: Path) -> None:
    here = {"XCERT_DATA_DIR": str(tmp_path), "SANDBOX_PORT": "8123"}
    assert read(here).tsa_url == "http://127.0.0.1:8123/tsa"
    assert read(here | {"XCERT_TSA_URL": ""}).tsa_url == ""
    own = "https://tsa.example/stamp"
    assert read(here | {"XCERT_TSA_URL": own}).tsa_url == own


def test_production_takes_no_stamps_of_strangers() -> None:
    assert read(PRODUCTION).tsa_url == ""
    own = {"XCERT_TSA_URL": "http://user:secret@tsa.example/stamp"}
    with pytest.raises(SettingsError, match="还要在 XCERT_TSA_CERTIFICATES 里填这个时间戳服务的根证书"):
        read(PRODUCTION | own)
    pem = sandbox_account.certificate_of(
        sandbox_account.private_key(), "TSA", datetime(2026, 1, 1, tzinfo=UTC)
    )
    read_so = read(PRODUCTION | own | {"XCERT_TSA_CERTIFICATES": pem.replace("\n", "\\n")})
    assert (read_so.tsa_url, read_so.tsa_certificates) == (own["XCERT_TSA_URL"], pem)


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"XCERT_TSA_URL": "tsa.example"}, "XCERT_TSA_URL 应为 http:// 或 https:// 开头的网址"),
        ({"XCERT_TSA_CERTIFICATES": "-----BEGIN"}, "XCERT_TSA_CERTIFICATES 不是可读的证书"),
    ],
)
def test_time_stamp_settings_that_cannot_be_right(wrong: dict[str, str], said: str) -> None:
    with pytest.raises(SettingsError, match=said):
        read(wrong)


def test_an_account_of_an_older_version_is_completed_and_its_merchant_fits_together(tmp_path: Path) -> None:
    """Two starts at once find one account; what was there stays; PEMs pass through the file and to children."""
    old = {"WECHAT_OA_APPID": "wxsandboxoaold", "WECHAT_OA_SECRET": "kept-secret"}
    file = tmp_path / sandbox_account.FILE
    file.write_text("".join(f"{name}={value}\n" for name, value in old.items()), "utf-8")
    with ThreadPoolExecutor(2) as starts:
        first, second = starts.map(read, [{"XCERT_DATA_DIR": str(tmp_path)}] * 2)
    assert first == second == read({"XCERT_DATA_DIR": str(tmp_path)})
    assert (first.oa_appid, first.oa_secret, first.uses_sandbox) == (*old.values(), True)
    kept = sandbox_account.stored(tmp_path)
    assert kept.keys() == sandbox_account.INVENTED.keys()
    assert file.stat().st_mode & 0o777 == 0o600

    merchant = x509.load_pem_x509_certificate(kept["SANDBOX_PAY_MCH_CERTIFICATE"].encode())
    assert load_pem_private_key(first.pay_mch_key.encode(), None).public_key() == merchant.public_key()
    assert first.pay_mch_serial == f"{merchant.serial_number:040X}"
    platform = x509.load_pem_x509_certificate(first.pay_certificates.encode())
    for public, private in (
        (platform.public_key(), "SANDBOX_PAY_CERTIFICATE_PRIVATE"),
        (load_pem_public_key(first.pay_public_key.encode()), "SANDBOX_PAY_PUBLIC_KEY_PRIVATE"),
    ):
        assert load_pem_private_key(kept[private].encode(), None).public_key() == public
    assert (len(first.pay_apiv3_key), first.pay_public_key_id[:13]) == (32, "PUB_KEY_ID_01")

    told = subprocess.run(
        [sys.executable, "-c", "from server.settings import load; print(load(env_file=None))"],
        env=as_environment(first),
        capture_output=True,
        text=True,
        check=True,
    )
    assert told.stdout.strip() == str(first)


def test_production_never_uses_the_sandbox() -> None:
    """It does not even start with its account; one that did would not take it for the sandbox."""
    with pytest.raises(SettingsError):
        read(PRODUCTION | {"WECHAT_OA_APPID": "wxsandboxoa1"})
    assert not Settings(env="production", oa_appid="wxsandboxoa1").uses_sandbox


@pytest.fixture(scope="module")
def pay(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """Settings of WeChat Pay that fit: those of an invented merchant."""
    invented = sandbox_account.complete(tmp_path_factory.mktemp("pay"))
    return {name: value for name, value in invented.items() if name.startswith("WECHAT_PAY_")}


def test_production_runs_with_wechat_pay_and_without(pay: dict[str, str]) -> None:
    assert not read(PRODUCTION).has_pay
    assert read(PRODUCTION | pay).has_pay
    for field in ("PUBLIC_KEY_ID", "PUBLIC_KEY"):  # a merchant that has certificates still
        pay = {name: value for name, value in pay.items() if name != f"WECHAT_PAY_{field}"}
    assert read(PRODUCTION | pay).has_pay


def test_a_pem_may_stand_on_one_line(pay: dict[str, str]) -> None:
    flat = pay | {"WECHAT_PAY_MCH_KEY": pay["WECHAT_PAY_MCH_KEY"].replace("\n", "\\n")}
    assert read(PRODUCTION | flat).pay_mch_key == pay["WECHAT_PAY_MCH_KEY"]


@pytest.mark.parametrize("name", ["MCHID", "MCH_SERIAL", "MCH_KEY", "APIV3_KEY"])
def test_wechat_pay_is_configured_whole_or_not_at_all(pay: dict[str, str], name: str) -> None:
    env = f"WECHAT_PAY_{name}"
    with pytest.raises(SettingsError) as refusal:
        read(PRODUCTION | {other: value for other, value in pay.items() if other != env})
    assert refusal.value.problems == [f"缺少 {env}：微信支付的设置要么全部填写，要么都不填"]


def test_something_of_wechat_pay_must_be_known_to_verify_with(pay: dict[str, str]) -> None:
    merchant = {name: value for name, value in pay.items() if "PUBLIC" not in name and "CERT" not in name}
    with pytest.raises(SettingsError, match="缺少 WECHAT_PAY_PUBLIC_KEY_ID 和 WECHAT_PAY_PUBLIC_KEY"):
        read(PRODUCTION | merchant)
    half = merchant | {"WECHAT_PAY_PUBLIC_KEY_ID": pay["WECHAT_PAY_PUBLIC_KEY_ID"]}
    with pytest.raises(
        SettingsError, match=r"^缺少 WECHAT_PAY_PUBLIC_KEY：它与 WECHAT_PAY_PUBLIC_KEY_ID 要一起填写$"
    ):
        read(PRODUCTION | half)


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("MCHID", "mch", "应为 8 至 10 位数字的商户号"),
        ("MCH_SERIAL", "5F:1C:72", "应为商户 API 证书的序列号（40 位十六进制，不带冒号和空格）"),
        ("APIV3_KEY", "k" * 31, "应为 32 个英文字母、数字"),
        ("APIV3_KEY", "密" * 32, "应为 32 个英文字母、数字"),
        ("PUBLIC_KEY_ID", "5F1C72E2A8931B72A2E13AF8DEE92471EB397115", "应以 PUB_KEY_ID_ 开头"),
        (
            "MCH_KEY",
            "WECHAT_PAY_PUBLIC_KEY",
            "不是可读的 RSA 私钥（PEM，即 apiclient_key.pem 的全文，不带密码）",
        ),
        ("PUBLIC_KEY", "WECHAT_PAY_CERTIFICATES", "不是可读的 RSA 公钥（PEM，即 pub_key.pem 的全文）"),
        ("PREVIOUS_APIV3_KEY", "short", "应为 32 个英文字母、数字"),
        ("CERTIFICATES", "WECHAT_PAY_PUBLIC_KEY", "不是可读的平台证书（PEM，可多份相连）"),
    ],
)
def test_a_wrong_value_of_wechat_pay_is_told_and_never_shown(
    pay: dict[str, str], name: str, value: str, said: str
) -> None:
    with pytest.raises(SettingsError) as refusal:
        read(PRODUCTION | pay | {f"WECHAT_PAY_{name}": pay.get(value, value)})
    assert refusal.value.problems == [f"WECHAT_PAY_{name} {said}"]
