"""Every setting, declared once: name, type, default, whether it is secret, and what it is for.

The only file that reads `os.environ`. A `.env` file is read; every variable may also come as `NAME_FILE`, a path.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import MISSING, dataclass, field, fields
from pathlib import Path
from typing import Any

from dotenv import dotenv_values

from server import os_errors, production_settings, public_address, sandbox_account, setting_values
from server.files_place import FilesPlace, place_of

TEMPLATE_KEYWORDS = setting_values.TEMPLATE_KEYWORDS  # the notices read its entries by the same form


class SettingsError(Exception):
    """One clear line for each thing that is missing or wrong."""

    def __init__(self, problems: list[str], *, keys_dir: Path | None = None) -> None:
        """`keys_dir`: of a production that does not start; its keys may be refused as well, and are told at once."""
        super().__init__("\n".join(problems))
        self.problems, self.keys_dir = problems, keys_dir


def _s(env: str, help: str, default: Any = "", *, secret: bool = False, required: bool = False) -> Any:
    return field(default=default, metadata={"env": env, "help": help, "secret": secret, "required": required})


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """All settings. `required` means: production does not start without it."""

    env: str = _s("XCERT_ENV", "development 或 production", "development")
    public_url: str = _s(
        "XCERT_PUBLIC_URL", "对外网址（印在二维码里，印后不可再改）", "http://127.0.0.1:8000", required=True
    )
    database_url: str = _s(
        "XCERT_DATABASE_URL", "PostgreSQL 地址；不填则用内嵌的", secret=True, required=True
    )
    database_session_url: str = _s(
        "XCERT_DATABASE_SESSION_URL",
        "XCERT_DATABASE_URL 经过 PgBouncer（transaction 模式）时，另填直连 PostgreSQL 的地址：升级、备份、恢复和任务队列用它",
        secret=True,
    )
    redis_url: str = _s("XCERT_REDIS_URL", "Redis 地址；不填则用内嵌的", secret=True, required=True)
    redis_certificates: str = _s(
        "XCERT_REDIS_CERTIFICATES",
        "Redis 加密连接（rediss://）的根证书（PEM）；不填：系统信任的证书",
    )
    data_dir: Path = _s("XCERT_DATA_DIR", "数据目录（内嵌数据库、证书文件）", Path("var"))
    files_url: str = _s(
        "XCERT_FILES_URL",
        "证书等文件放在哪里：file:///目录，或对象存储 s3://存储桶/前缀；不填：数据目录里的 vault",
    )
    s3_endpoint: str = _s(
        "XCERT_S3_ENDPOINT", "对象存储的网址，不含存储桶；不填：亚马逊的，由 XCERT_S3_REGION 决定"
    )
    s3_region: str = _s("XCERT_S3_REGION", "对象存储的地域", "us-east-1")
    s3_access_key: str = _s("XCERT_S3_ACCESS_KEY", "对象存储的 AccessKey ID；用 s3:// 时必填", secret=True)
    s3_secret_key: str = _s(
        "XCERT_S3_SECRET_KEY", "对象存储的 AccessKey Secret；用 s3:// 时必填", secret=True
    )
    s3_style: str = _s(
        "XCERT_S3_STYLE",
        "存储桶名写在哪里：path 在路径里（MinIO、Ceph 等自建的），host 在域名里（阿里云、腾讯云、亚马逊）",
        "path",
    )
    s3_certificates: str = _s(
        "XCERT_S3_CERTIFICATES", "自建对象存储的根证书（PEM）；系统信任的证书之外，也信任由它签发的"
    )
    keys_dir: Path = _s("XCERT_KEYS_DIR", "密钥目录", Path("certs"))
    fonts_dir: Path | None = _s(
        "XCERT_FONTS_DIR", "补充字体目录：证书自带字体里没有的生僻字，用这里的 otf、ttf 字体印", None
    )
    host: str = _s("XCERT_HOST", "监听地址；在容器里可设为 0.0.0.0", "127.0.0.1")
    port: int = _s("PORT", "服务端口", 8000)
    sandbox_port: int = _s("SANDBOX_PORT", "微信沙箱端口", 8001)
    workers: int = _s("XCERT_WORKERS", "网页服务进程数", 1)
    job_workers: int = _s("XCERT_JOB_WORKERS", "后台任务进程数；0 表示与处理器核数相同", 0)
    issuer: str = _s("XCERT_ISSUER", "颁证机构全称，出现在每份文件上", "北京中文在线教育科技发展有限公司")
    two_people: str = _s(
        "XCERT_TWO_PERSON_ISSUING",
        "on：签发与发放一个批次须是两个人；off：可以是一个人。不填则生产环境为 on，开发环境为 off",
    )
    proxies: int = _s("XCERT_PROXIES", "前面有几层可信反向代理（决定取哪个客户端地址）", 0)
    operations: str = _s(
        "XCERT_OPERATIONS",
        "可以查看 /metrics、/docs 和 /readyz 明细的地址或网段，用逗号分开；不填：生产环境只有本机，开发环境不限",
    )
    connections_per_address: int = _s(
        "XCERT_CONNECTIONS_PER_ADDRESS",
        "没有反向代理时，同一地址最多同时连接数（每个网页进程）；0 表示不限",
        256,
    )
    metrics_dir: Path | None = _s(
        "PROMETHEUS_MULTIPROC_DIR", "多个网页进程共用的指标目录（xcert serve 自动设置）", None
    )
    second_factor: str = _s(
        "XCERT_SECOND_FACTOR",
        "考务、签发、财务、通知和管理员是否必须启用第二重验证：required 或 optional；不填：生产环境必须，开发环境不必",
    )
    binding_phone: str = _s(
        "XCERT_BINDING_PHONE",
        "required：登记了手机号的考生，第一次绑定也要核对手机号；optional（不填即是）：只在已有别的绑定时核对",
    )
    contact: str = _s(
        "XCERT_CONTACT",
        "评价组织的服务电话或邮箱：写在手机页面“有疑问找谁”、核验页，以及绑定页的个人信息说明里",
    )
    log_level: str = _s("XCERT_LOG_LEVEL", "日志级别", "INFO")
    otlp_url: str = _s(
        "XCERT_OTLP_URL",
        "OpenTelemetry 收集器的网址（OTLP/HTTP，如 http://127.0.0.1:4318）：请求、后台任务和微信调用的调用链发到那里；不填：不记",
    )
    database_pool: int = _s(
        "XCERT_DATABASE_POOL",
        "每个网页进程的数据库连接数；各机合计：网页进程 ×（此数 + 1）+ 任务进程 ×（任务连接数 + 3）应小于 max_connections",
        10,
    )
    job_database_pool: int = _s("XCERT_JOB_DATABASE_POOL", "每个任务进程的数据库连接数", 6)
    statement_seconds: int = _s("XCERT_STATEMENT_SECONDS", "网页里一条数据库语句最多几秒；0 不限", 15)
    job_statement_seconds: int = _s(
        "XCERT_JOB_STATEMENT_SECONDS", "后台任务和命令里一条数据库语句最多几秒；0 不限", 600
    )
    lock_seconds: int = _s("XCERT_LOCK_SECONDS", "网页等待一把数据库锁最多几秒；0 不限", 5)
    start_seconds: int = _s("XCERT_START_SECONDS", "启动时最多等数据库和 Redis 几秒", 30)

    tsa_url: str = _s(
        "XCERT_TSA_URL",
        "时间戳服务（RFC 3161）的网址，可带用户名和密码；填了，每个印章都带时间戳，它不应答时证书等着；不填：不带",
        secret=True,
    )
    tsa_certificates: str = _s(
        "XCERT_TSA_CERTIFICATES",
        "时间戳服务的根证书或上级证书（PEM），只认由它们签发的时间戳；填了 XCERT_TSA_URL 的生产环境必填",
    )

    oa_appid: str = _s("WECHAT_OA_APPID", "公众号 AppID", required=True)
    oa_secret: str = _s("WECHAT_OA_SECRET", "公众号 AppSecret", secret=True, required=True)
    oa_token: str = _s("WECHAT_OA_TOKEN", "公众号消息推送 Token", secret=True, required=True)
    oa_aes_key: str = _s("WECHAT_OA_AES_KEY", "公众号 EncodingAESKey（43 位）", secret=True, required=True)
    oa_previous_aes_key: str = _s(
        "WECHAT_OA_PREVIOUS_AES_KEY", "更换前的 EncodingAESKey，换后一天内保留", secret=True
    )
    oa_mode: str = _s("WECHAT_OA_MODE", "safe、compat 或 plain：最低接受的加密方式", "safe")
    oa_template_result: str = _s("WECHAT_OA_TEMPLATE_RESULT", "模板消息编号：成绩公布")
    oa_template_certificate: str = _s("WECHAT_OA_TEMPLATE_CERTIFICATE", "模板消息编号：证书发放")
    oa_template_correction: str = _s("WECHAT_OA_TEMPLATE_CORRECTION", "模板消息编号：更正办结")
    oa_template_signing: str = _s("WECHAT_OA_TEMPLATE_SIGNING", "模板消息编号：待签发提醒")
    oa_template_fee_due: str = _s("WECHAT_OA_TEMPLATE_FEE_DUE", "模板消息编号：待缴费")
    oa_template_fee_paid: str = _s("WECHAT_OA_TEMPLATE_FEE_PAID", "模板消息编号：缴费成功")
    oa_template_fee_refunded: str = _s("WECHAT_OA_TEMPLATE_FEE_REFUNDED", "模板消息编号：退款到账")
    oa_template_fee_closing: str = _s("WECHAT_OA_TEMPLATE_FEE_CLOSING", "模板消息编号：订单即将关闭")
    oa_subscribe_result: str = _s("WECHAT_OA_SUBSCRIBE_RESULT", "公众号订阅通知模板编号：成绩公布")
    oa_subscribe_certificate: str = _s("WECHAT_OA_SUBSCRIBE_CERTIFICATE", "公众号订阅通知模板编号：证书发放")
    oa_subscribe_correction: str = _s("WECHAT_OA_SUBSCRIBE_CORRECTION", "公众号订阅通知模板编号：更正办结")
    oa_subscribe_fee_due: str = _s("WECHAT_OA_SUBSCRIBE_FEE_DUE", "公众号订阅通知模板编号：待缴费")
    oa_subscribe_fee_paid: str = _s("WECHAT_OA_SUBSCRIBE_FEE_PAID", "公众号订阅通知模板编号：缴费成功")
    oa_subscribe_fee_refunded: str = _s(
        "WECHAT_OA_SUBSCRIBE_FEE_REFUNDED", "公众号订阅通知模板编号：退款到账"
    )
    oa_subscribe_fee_closing: str = _s(
        "WECHAT_OA_SUBSCRIBE_FEE_CLOSING", "公众号订阅通知模板编号：订单即将关闭"
    )
    mp_appid: str = _s("WECHAT_MP_APPID", "小程序 AppID", required=True)
    mp_secret: str = _s("WECHAT_MP_SECRET", "小程序 AppSecret", secret=True, required=True)
    mp_token: str = _s("WECHAT_MP_TOKEN", "小程序消息推送 Token", secret=True, required=True)
    mp_aes_key: str = _s("WECHAT_MP_AES_KEY", "小程序 EncodingAESKey（43 位）", secret=True, required=True)
    mp_previous_aes_key: str = _s(
        "WECHAT_MP_PREVIOUS_AES_KEY", "更换前的小程序 EncodingAESKey，换后一天内保留", secret=True
    )
    mp_mode: str = _s("WECHAT_MP_MODE", "safe、compat 或 plain：小程序最低接受的加密方式", "safe")
    mp_template_result: str = _s("WECHAT_MP_TEMPLATE_RESULT", "小程序订阅消息模板编号：成绩公布")
    mp_template_certificate: str = _s("WECHAT_MP_TEMPLATE_CERTIFICATE", "小程序订阅消息模板编号：证书发放")
    mp_template_correction: str = _s("WECHAT_MP_TEMPLATE_CORRECTION", "小程序订阅消息模板编号：更正办结")
    mp_template_fee_due: str = _s("WECHAT_MP_TEMPLATE_FEE_DUE", "小程序订阅消息模板编号：待缴费")
    mp_template_fee_paid: str = _s("WECHAT_MP_TEMPLATE_FEE_PAID", "小程序订阅消息模板编号：缴费成功")
    mp_template_fee_refunded: str = _s("WECHAT_MP_TEMPLATE_FEE_REFUNDED", "小程序订阅消息模板编号：退款到账")
    mp_template_fee_closing: str = _s(
        "WECHAT_MP_TEMPLATE_FEE_CLOSING", "小程序订阅消息模板编号：订单即将关闭"
    )
    template_keywords: str = _s(
        "WECHAT_TEMPLATE_KEYWORDS",
        "模板的关键词与默认不同时，写明对应，如 WECHAT_MP_TEMPLATE_RESULT: plan=thing3, released_at=time7；用分号隔开",
    )
    long_term_templates: str = _s(
        "WECHAT_LONG_TERM_TEMPLATES",
        "哪些订阅模板是长期订阅，写设置名，如 WECHAT_MP_TEMPLATE_RESULT；用逗号隔开，其余是一次性",
    )
    pay_mchid: str = _s("WECHAT_PAY_MCHID", "微信支付商户号")
    pay_mch_serial: str = _s("WECHAT_PAY_MCH_SERIAL", "商户证书序列号")
    pay_mch_key: str = _s("WECHAT_PAY_MCH_KEY", "商户私钥（PEM）", secret=True)
    pay_apiv3_key: str = _s("WECHAT_PAY_APIV3_KEY", "APIv3 密钥（32 位）", secret=True)
    pay_previous_apiv3_key: str = _s(
        "WECHAT_PAY_PREVIOUS_APIV3_KEY", "更换前的 APIv3 密钥，换后一天内保留", secret=True
    )
    pay_public_key_id: str = _s("WECHAT_PAY_PUBLIC_KEY_ID", "微信支付公钥 ID")
    pay_public_key: str = _s("WECHAT_PAY_PUBLIC_KEY", "微信支付公钥（PEM）")
    pay_certificates: str = _s("WECHAT_PAY_CERTIFICATES", "微信支付平台证书（PEM，可多份相连）")
    api_url: str = _s("WECHAT_API_URL", "微信接口网址", "https://api.weixin.qq.com")
    open_url: str = _s("WECHAT_OPEN_URL", "微信网页授权网址", "https://open.weixin.qq.com")
    pay_url: str = _s("WECHAT_PAY_URL", "微信支付网址", "https://api.mch.weixin.qq.com")
    wechat_hosts: str = _s("XCERT_WECHAT_HOSTS", "除微信域名外还允许的出口域名，用逗号分开")
    campaign_per_second: int = _s("XCERT_CAMPAIGN_PER_SECOND", "群发合计每秒最多几条", 50)
    campaign_per_day: int = _s(
        "XCERT_CAMPAIGN_PER_DAY",
        "群发合计每天最多几条；微信每天的额度（起初十万条）减去留给成绩、证书等通知的",
        90_000,
    )
    erasures_dir: Path | None = _s(
        "XCERT_ERASURES_DIR",
        "删除登记另存一份的目录，放在备份那边（另一台机器挂载来的）；恢复备份时按它重做删除；不填：只在文件存储里",
        None,
    )
    keep_files_days: int = _s("XCERT_KEEP_FILES_DAYS", "导入的原始表格和标注表留几天", 30)
    keep_imports_days: int = _s("XCERT_KEEP_IMPORTS_DAYS", "导入的逐行问题和改动（含姓名）留几天", 180)
    keep_notices_days: int = _s("XCERT_KEEP_NOTICES_DAYS", "通知的内容和收件的 openid 留几天", 365)
    keep_bindings_days: int = _s("XCERT_KEEP_BINDINGS_DAYS", "已解除的微信绑定留几天", 365)
    keep_leavers_days: int = _s("XCERT_KEEP_LEAVERS_DAYS", "取消关注、没有绑定的 openid 留几天", 30)
    keep_lists_days: int = _s("XCERT_KEEP_LISTS_DAYS", "群发结束以后名单留几天", 180)
    keep_alarms_days: int = _s("XCERT_KEEP_ALARMS_DAYS", "办完的缴费提醒留几天", 730)
    keep_log_ins_days: int = _s("XCERT_KEEP_LOG_INS_DAYS", "工作台登录的设备和地址留几天", 180)
    log_origin: str = _s(
        "XCERT_LOG_ORIGIN", "公开签发日志的名字，第一个检查点之后不再改变；不填：对外网址去掉协议，加 /log"
    )
    log_witnesses: str = _s(
        "XCERT_LOG_WITNESSES", "公开签发日志的见证人，每个写成“公钥行 网址”，用分号隔开；不填：没有见证人"
    )
    js_url: str = _s(
        "WECHAT_JS_URL",
        "微信 JS-SDK 脚本的网址；页面的安全策略只放行这一个",
        "https://res.wx.qq.com/open/js/jweixin-1.6.0.js",
    )

    @property
    def files_place(self) -> FilesPlace:
        """Where files are kept. Raises ValueError only for settings that were not loaded."""
        return place_of(self.files_url, self.data_dir)

    @property
    def session_url(self) -> str:
        """The database itself, past any PgBouncer: for what needs a session of its own."""
        return self.database_session_url or self.database_url

    @property
    def session_url_name(self) -> str:
        """The setting that holds it."""
        return "XCERT_DATABASE_SESSION_URL" if self.database_session_url else "XCERT_DATABASE_URL"

    @property
    def is_production(self) -> bool:
        return self.env == "production"

    @property
    def needs_two_people(self) -> bool:
        """Whoever signs a batch for the organisation does not hand it over."""
        return self.two_people == "on" or (self.two_people == "" and self.is_production)

    @property
    def uses_sandbox(self) -> bool:
        """Without any WECHAT_* the sandbox plays WeChat (never in production)."""
        return not self.is_production and self.oa_appid.startswith("wxsandbox")

    @property
    def requires_second_factor(self) -> bool:
        return self.second_factor == "required" or (self.is_production and not self.second_factor)

    @property
    def requires_binding_phone(self) -> bool:
        """A phone on record is checked at a candidate's first binding, too."""
        return self.binding_phone == "required"

    @property
    def has_pay(self) -> bool:
        """WeChat Pay is configured; the settings are all there or none of them is."""
        return bool(self.pay_mchid)


def _value(kind: Any, raw: str) -> Any:
    if kind in ("int", int):
        return int(raw)
    if kind in ("Path", Path, "Path | None"):
        return Path(raw)
    if raw.startswith("-----BEGIN "):  # a PEM on one line, as some hosters keep variables
        return raw.replace("\\n", "\n")
    return raw


def _sandbox_defaults(values: dict[str, Any], variables: Mapping[str, str]) -> None:
    """Take the invented account of the sandbox, from the data folder, so that restarts agree."""
    values.update(sandbox_account.complete(Path(values.get("XCERT_DATA_DIR", "var"))))
    url = f"http://127.0.0.1:{_port(values.get('SANDBOX_PORT'))}"
    if variables.get("XCERT_TSA_URL") != "":  # empty: said to be none, and not left out
        values.setdefault("XCERT_TSA_URL", f"{url}/tsa")
    values.update({"WECHAT_API_URL": url, "WECHAT_OPEN_URL": url, "WECHAT_PAY_URL": url})
    values["WECHAT_JS_URL"] = f"{url}/open/js/jweixin-1.6.0.js"


def _port(text: str | None, default: int = 8001) -> int:
    """The port, for what is made up from it; what is no number is told later, with everything else."""
    return int(text) if text is not None and text.isascii() and text.isdigit() else default


def load(environ: Mapping[str, str] | None = None, *, env_file: Path | None = Path(".env")) -> Settings:
    """Read the settings.

    Args:
        environ: the variables; the process's own if not given.
        env_file: a dotenv file that fills what the environment leaves out.

    Raises:
        SettingsError: with one line for each problem.
    """
    variables: dict[str, str] = {}
    if env_file is not None and env_file.exists():
        variables.update({k: v for k, v in dotenv_values(env_file).items() if v is not None})
    variables.update(os.environ if environ is None else environ)
    problems: list[str] = []
    raw: dict[str, Any] = {}
    for f in fields(Settings):
        name = f.metadata["env"]
        try:
            if value := _looked_up(variables, name):
                raw[name] = value
        except SettingsError as error:
            problems += error.problems
    env = raw.get("XCERT_ENV", "development")
    production = env == "production"
    if env not in ("development", "production"):
        problems.append("XCERT_ENV 只能是 development 或 production")
    if env == "development" and not any(name.startswith("WECHAT_") for name in raw):
        _sandbox_defaults(raw, variables)
    if not production and "XCERT_PUBLIC_URL" not in raw:
        raw["XCERT_PUBLIC_URL"] = f"http://127.0.0.1:{raw.get('PORT', 8000)}"
    values: dict[str, Any] = {}
    for f in fields(Settings):
        name = f.metadata["env"]
        if name in raw:
            try:
                values[f.name] = _value(f.type, str(raw[name]))
            except ValueError:
                problems.append(f"{name} 的值不是有效的数字")
        elif production and f.metadata["required"]:
            problems.append(f"缺少 {name}：{f.metadata['help']}")
        else:
            assert f.default is not MISSING
            values[f.name] = f.default
    values["public_url"] = public_address.normalised(str(values.get("public_url", "")).strip())
    problems += setting_values.problems(values, production=production)
    problems += production_settings.forgotten(raw)
    if problems:
        raise SettingsError(problems, keys_dir=values.get("keys_dir") if production else None)
    return Settings(**values)


def _looked_up(variables: Mapping[str, str], name: str) -> str | None:
    """A variable, or what stands in the file that `NAME_FILE` names. Raises SettingsError."""
    if variables.get(name) or not variables.get(f"{name}_FILE"):
        return variables.get(name)
    path = Path(variables[f"{name}_FILE"])
    try:
        return path.read_text("utf-8").strip()
    except OSError as error:
        raise SettingsError([f"{name}_FILE：无法读取 {path}（{os_errors.cause(error)}）"]) from None


def places() -> Settings:
    """Where keys and data are and whose they are: for commands that need no running service, before all is filled in."""
    variables = {name: value for name, value in dotenv_values(".env").items() if value} | dict(os.environ)
    defaults = Settings()
    return Settings(
        data_dir=Path(_looked_up(variables, "XCERT_DATA_DIR") or defaults.data_dir),
        keys_dir=Path(_looked_up(variables, "XCERT_KEYS_DIR") or defaults.keys_dir),
        issuer=_looked_up(variables, "XCERT_ISSUER") or defaults.issuer,
    )


def as_environment(settings: Settings) -> dict[str, str]:
    """This process's environment with every setting spelled out, for a child that shall see the same ones."""
    names = {f.metadata["env"] for f in fields(Settings)}
    environment = {
        name: value for name, value in os.environ.items() if name.removesuffix("_FILE") not in names
    }
    for f in fields(Settings):
        value = getattr(settings, f.name)
        if value is not None and value != "":
            environment[f.metadata["env"]] = str(value)
    return environment


def handed_over() -> int:
    """How many listening sockets systemd has opened for this very process, from descriptor 3 on: sd_listen_fds(3)."""
    count = os.environ.get("LISTEN_FDS", "")
    return int(count) if os.environ.get("LISTEN_PID") == str(os.getpid()) and count.isdigit() else 0
