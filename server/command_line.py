"""The command line: every command with its words, and which function of `server.commands` does it."""

from __future__ import annotations

import argparse
import gc
from collections.abc import Callable
from datetime import date
from importlib import import_module
from pathlib import Path
from typing import TypeAlias

from server.adapters.keys import PURPOSES
from server.domain.roles import Role
from server.settings import Settings

Subparsers: TypeAlias = "argparse._SubParsersAction[argparse.ArgumentParser]"
Run = Callable[[argparse.Namespace, Settings], int]


def build_parser() -> argparse.ArgumentParser:
    """The whole command line, one line for each command."""
    parser = argparse.ArgumentParser(prog="xcert", description="社会心理服务职业技能等级证书的微信服务")
    parser.set_defaults(
        bare=False
    )  # bare: needs places alone, and no account of the sandbox is made up for it
    commands = parser.add_subparsers(dest="command", required=True, metavar="命令", title="命令")
    _serving(commands)
    _data(commands)
    _backups(commands)
    _pay(commands)
    _people_and_keys(commands)
    _wechat(commands)
    _log(commands)
    _audit(commands)
    _documents(commands)
    return parser


def _serving(commands: Subparsers) -> None:
    serve = commands.add_parser("serve", help="启动网页服务和后台任务；--dev 时连同数据库和微信沙箱")
    serve.add_argument(
        "--dev", action="store_true", help="开发用：自动建密钥、内嵌数据库、虚构考生、微信沙箱"
    )
    serve.add_argument("--web-only", action="store_true", help="不启动后台任务进程")
    serve.add_argument(
        "--no-migrate",
        action="store_true",
        help="不升级数据表：缺表就不启动；已被新版本升级过的，相邻的上一版照常启动并提醒",
    )
    serve.set_defaults(run=_run("serve.serve"))
    worker = commands.add_parser("worker", help="启动后台任务进程（默认每个处理器核一个）")
    worker.add_argument("--one", action="store_true", help="只在本进程内运行一个")
    worker.add_argument("--ready", type=int, help=argparse.SUPPRESS)
    worker.set_defaults(run=_run("serve.work"))
    successors = commands.add_parser("successors")  # no help: only a reload starts it
    successors.add_argument("--socket", type=int)
    for name in ("--dev", "--web-only", "--no-migrate"):
        successors.add_argument(name, action="store_true")
    successors.set_defaults(run=_run("serve.successors"))
    web = commands.add_parser("web-process")  # no help: only `serve` starts it
    web.add_argument("descriptor", type=int)
    web.add_argument("--ready", type=int)
    web.set_defaults(run=_run("serve.web_process"))
    migrate = commands.add_parser("migrate", help="建立或升级数据库表")
    migrate.add_argument(
        "--app-role",
        default="",
        metavar="角色",
        help="服务用的数据库角色：给它读写业务数据的权限，审计记录只能写不能改；每次升级、恢复以后都带上",
    )
    migrate.set_defaults(run=_run("backup.migrate"))
    check = commands.add_parser("doctor", help="检查本机、微信两个账号、对外网址和微信支付，说明在哪里改")
    check.add_argument("--local", action="store_true", help="只检查本机，不问微信")
    check.add_argument("--json", action="store_true", help="每一项一行 JSON，给程序读")
    check.set_defaults(run=_run("doctor.doctor"))


def _data(commands: Subparsers) -> None:
    imports = commands.add_parser(
        "import", help="导入考生信息、成绩、实践记录或门户证书编号（xlsx、xls、csv）"
    )
    imports.add_argument(
        "kind",
        choices=("candidates", "scores", "practice", "portal"),
        help="candidates 考生、scores 成绩、practice 实践与督导、portal 门户证书编号",
    )
    imports.add_argument("file", type=Path)
    imports.add_argument("--dry-run", action="store_true", help="只检查，不写入")
    imports.add_argument("--report", type=Path, metavar="OUT.xlsx", help="写出带批注的工作簿")
    imports.add_argument("--all-or-nothing", action="store_true", help="有一行不合格就全部不导入")
    imports.add_argument(
        "--create",
        action="append",
        default=[],
        metavar="名称",
        help="确认新建这个考试计划、院校或考核站点（可以重复）；没有确认的未知名称，所在的行不导入",
    )
    imports.set_defaults(run=_run("imports.run"))


def _backups(commands: Subparsers) -> None:
    keep = commands.add_parser("backup", help="把全部数据备份到一个新目录")
    keep.add_argument("folder", type=Path, metavar="DIR")
    keep.add_argument("--keys", type=Path, metavar="目录", help="把密钥另存到这个目录（与备份分开保管）")
    keep.add_argument(
        "--previous", type=Path, metavar="上次备份", help="没有变化的文件与上次备份共用（硬链接），不再复制"
    )
    keep.set_defaults(run=_run("backup.backup"))
    _files(commands)
    back = commands.add_parser("restore", help="从备份目录恢复全部数据（先停止服务）")
    back.add_argument("folder", type=Path, metavar="DIR")
    back.add_argument("--keys", type=Path, metavar="目录", help="另外保管的密钥；默认用本机密钥目录")
    back.add_argument("--replace", action="store_true", help="覆盖现有数据")
    back.add_argument(
        "--trial",
        action="store_true",
        help="只试着恢复到一个临时的数据库，看完就删除，不改动现有数据（服务不必停）",
    )
    back.add_argument(
        "--skip-numbers",
        type=int,
        default=100_000,
        metavar="N",
        help="现有数据库接不上备份时，每种证书编号跳过多少个（默认 100000），备份之后发出的编号不再用",
    )
    back.set_defaults(run=_run("restore.restore"))
    gone = commands.add_parser(
        "erasures", help="删除登记：恢复备份以后，备份之后批准的删除按它重做"
    ).add_subparsers(required=True, metavar="操作")
    gone.add_parser("check", help="与数据库核对，不改动").set_defaults(run=_run("erasures.check"))
    anew = gone.add_parser("redo", help="重做数据库里没有的删除，补上缺的登记（xcert restore 自己会做）")
    anew.add_argument("folder", type=Path, nargs="*", metavar="目录", help="另外的备份目录，或登记的另一份")
    anew.set_defaults(run=_run("erasures.redo"))
    notices = commands.add_parser("notices", help="恢复备份后暂停的通知").add_subparsers(
        required=True, metavar="操作"
    )
    notices.add_parser("status", help="通知是否暂停、有多少在等").set_defaults(run=_run("notices.show"))
    release = notices.add_parser("release", help="恢复发送")
    release.add_argument("--discard", action="store_true", help="等待中的不再发出")
    release.set_defaults(run=_run("notices.release"))


def _pay(commands: Subparsers) -> None:
    pay = commands.add_parser("pay", help="微信支付的账").add_subparsers(required=True, metavar="操作")
    reconcile = pay.add_parser("reconcile", help="把一天的微信支付账单与账目再对一次")
    reconcile.add_argument("day", type=_day, metavar="DATE", help="哪一天（北京），如 2026-12-01")
    reconcile.set_defaults(run=_run("reconciling.reconcile"))


def _day(text: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"日期请写成 2026-12-01：{text}") from None


def _people_and_keys(commands: Subparsers) -> None:
    roles = "、".join(f"{role.value} {role.label}" for role in Role)
    staff = commands.add_parser("staff", help="工作台账号").add_subparsers(required=True, metavar="操作")
    create = staff.add_parser("create", help="新建账号，显示一次性密码")
    create.add_argument("username", metavar="NAME")
    create.add_argument("--role", required=True, choices=[role.value for role in Role], help=roles)
    create.add_argument("--name", help="姓名（默认同用户名）")
    create.add_argument("--school", help="院校账号所属院校的全称")
    create.set_defaults(run=_run("accounts.create"))
    staff.add_parser("list", help="列出账号").set_defaults(run=_run("accounts.listing"))
    for name, work, help_text in (
        ("reset", "reset", "重置密码，显示新的一次性密码；同时解除登录限制"),
        ("unlock", "unlock", "解除登录限制（输错密码次数过多之后）"),
        ("deactivate", "deactivate", "停用账号，结束其全部登录和 API 令牌"),
        ("activate", "activate", "重新启用账号"),
    ):
        act = staff.add_parser(name, help=help_text)
        act.add_argument("username", metavar="NAME")
        act.set_defaults(run=_run(f"accounts.{work}"))
    keys = commands.add_parser("keys", help="密钥").add_subparsers(required=True, metavar="操作")
    make = keys.add_parser("create", help="为缺少密钥的用途各建一份")
    make.add_argument("--development", action="store_true", help="开发用密钥，生产环境拒绝")
    make.set_defaults(run=_run("keys.create"), bare=True)
    rotate = keys.add_parser("rotate", help="为一种用途新增一期密钥；旧的继续用于验证和解密")
    rotate.add_argument("purpose", choices=PURPOSES)
    rotate.add_argument("--now", action="store_true", help="立即用于写（只在密钥泄露等紧急情况下）")
    rotate.add_argument(
        "--after",
        type=float,
        default=1.0,
        metavar="小时",
        help="多少小时之后开始用于写（默认 1），先公布、后使用",
    )
    rotate.set_defaults(run=_run("keys.rotate"), bare=True)
    retire = keys.add_parser("retire", help="停用一期密钥（泄露等），并公布原因")
    retire.add_argument("purpose", choices=PURPOSES)
    retire.add_argument("epoch", type=int, metavar="期号")
    retire.add_argument("--reason", required=True, help="停用的原因，会公布")
    retire.set_defaults(run=_run("keys.retire"), bare=True)
    keys.add_parser("reindex", help="换 index 密钥之后：把已有证件号码的索引换成新密钥的").set_defaults(
        run=_run("keys.reindex")
    )
    keys.add_parser("reencrypt", help="换 field 密钥之后：把已有的加密内容换成新密钥的").set_defaults(
        run=_run("keys.reencrypt")
    )
    keys.add_parser("list", help="列出密钥").set_defaults(run=_run("keys.listing"), bare=True)


def _wechat(commands: Subparsers) -> None:
    wechat = commands.add_parser("wechat", help="微信后台要求的设置").add_subparsers(
        required=True, metavar="操作"
    )
    _wechat_files(wechat)
    menu = wechat.add_parser("menu", help="公众号菜单").add_subparsers(required=True, metavar="操作")
    menu.add_parser("show", help="显示微信上的菜单").set_defaults(run=_run("wechat.show"))
    menu.add_parser("diff", help="显示与本服务的菜单有何不同").set_defaults(run=_run("wechat.diff"))
    put = menu.add_parser("apply", help="先显示不同，确认后更新到微信")
    put.add_argument("--yes", action="store_true", help="不再询问")
    put.set_defaults(run=_run("wechat.apply"))
    quota = wechat.add_parser("quota", help="今日接口调用次数，与微信的计数对照")
    quota.add_argument("--account", choices=("oa", "mp"), help="oa 公众号、mp 小程序；默认两个")
    quota.add_argument(
        "--clear", action="store_true", help="请微信清零（每个账号每月 10 次），并恢复停用的接口"
    )
    quota.add_argument("--yes", action="store_true", help="不再询问")
    quota.set_defaults(run=_run("wechat.quota"))


def _wechat_files(wechat: Subparsers) -> None:
    files = wechat.add_parser("file", help="微信的验证文件").add_subparsers(required=True, metavar="操作")
    under = "/（默认）、/v/ 或 /s/：普通链接规则的最后一级目录"
    add = files.add_parser("add", help="放一个验证文件，文件名保持微信给的原样")
    add.add_argument("file", type=Path)
    add.add_argument("--under", default="/", metavar="目录", help=under)
    add.set_defaults(run=_run("wechat_files.add"))
    remove = files.add_parser("remove", help="移除验证文件")
    remove.add_argument("name")
    remove.add_argument("--under", default="/", metavar="目录", help=under)
    remove.set_defaults(run=_run("wechat_files.remove"))
    files.add_parser("list", help="列出验证文件").set_defaults(run=_run("wechat_files.listing"))


def _log(commands: Subparsers) -> None:
    log = commands.add_parser("log", help="公开签发日志").add_subparsers(required=True, metavar="操作")
    log.add_parser("key", help="日志的名字、网址和公钥行，给监督者和见证人").set_defaults(
        run=_run("public_log.keys")
    )
    log.add_parser("verify", help="逐条核对数据库、已公布的文件与签过的检查点").set_defaults(
        run=_run("public_log.verify")
    )
    prove = log.add_parser("prove", help="一份证书在日志里的证明（.tlog-proof）")
    prove.add_argument("number", metavar="NUMBER")
    prove.add_argument("--event", choices=("issued", "revoked", "superseded"), help="哪一件事；默认第一件")
    prove.add_argument("--output", type=Path, metavar="文件")
    prove.set_defaults(run=_run("public_log.prove"))
    recover = log.add_parser("recover", help="恢复备份之后：按已公布的日志补齐数据库，签发才能继续")
    recover.add_argument(
        "--copy",
        type=Path,
        metavar="目录",
        help="本机的文件也旧了时：别人保存的一份日志（checkpoint 和 tile/）",
    )
    recover.set_defaults(run=_run("public_log.recover"))
    monitor = log.add_parser("monitor", help="从外面监督一份日志：只增不改，不然就报告")
    monitor.add_argument("url", metavar="URL", help="日志的网址，如 https://证书网址/log")
    monitor.add_argument("--state", type=Path, required=True, metavar="FILE", help="上次看到的，保存在这里")
    monitor.add_argument(
        "--key", action="append", default=[], metavar="公钥行", help="第一次要写明；可以重复"
    )
    monitor.set_defaults(run=_run("log_monitor.monitor"), bare=True)


def _files(commands: Subparsers) -> None:
    files = commands.add_parser("files", help="证书等文件：核对与搬迁").add_subparsers(
        required=True, metavar="操作"
    )
    check = files.add_parser(
        "check", help="逐个核对登记与文件（两头都查）和内容；退出码 3：有缺失、不符或没有登记的"
    )
    check.add_argument("--quick", action="store_true", help="只看在不在，不读内容")
    check.add_argument("--after", default="", metavar="名字", help="从这个文件之后接着核对")
    check.set_defaults(run=_run("file_store.check"))
    copy = files.add_parser("copy", help="把别处的全部文件复制到 XCERT_FILES_URL；可以中断、重复")
    copy.add_argument(
        "source",
        nargs="?",
        default="",
        metavar="来源",
        help="file:///目录 或 s3://存储桶/前缀；默认数据目录里的 vault",
    )
    copy.set_defaults(run=_run("file_store.copy"))


def _audit(commands: Subparsers) -> None:
    audit = commands.add_parser("audit", help="审计记录：核对与导出").add_subparsers(
        required=True, metavar="操作"
    )
    verify = audit.add_parser(
        "verify", help="从头重算散列链，并与文件存储里的对照；退出码 3：与当时写下的不一致"
    )
    verify.add_argument("--head", default="", metavar="散列", help="以前记下的链头，必须还在链上")
    verify.set_defaults(run=_run("audit_trail.verify"))
    export = audit.add_parser("export", help="把记录和散列链写成一个文件，别人可以自己核对")
    export.add_argument("file", type=Path, metavar="文件")
    export.add_argument("--after", type=int, default=0, metavar="节", help="只要这一节之后的")
    export.set_defaults(run=_run("audit_trail.export"))


def _documents(commands: Subparsers) -> None:
    verify = commands.add_parser("verify", help="只凭公钥核验证书 PDF、可验证凭证或签发凭据，或名单")
    verify.add_argument("file", type=Path, nargs="?", help="证书 PDF、可验证凭证或签发凭据")
    verify.add_argument(
        "--list",
        type=Path,
        metavar="名单",
        help="批次页下载的规范名单（JSON）：检查格式、重算摘要；另给签发凭据时，检查它签的正是这份名单",
    )
    verify.add_argument(
        "--proof", type=Path, metavar="证明", help="证书在公开签发日志里的证明（.tlog-proof），一起核对"
    )
    verify.add_argument(
        "--keys",
        metavar="文件或网址",
        help="公布的公钥：/.well-known/xcert-keys.json 的内容或网址；默认用本机密钥目录",
    )
    verify.set_defaults(run=_run("verify.verify"), bare=True)
    roster = commands.add_parser("roster", help="院校自己核算名单校验码").add_subparsers(
        required=True, metavar="操作"
    )
    digest = roster.add_parser(
        "digest", help="从下载的名单和本校的证件号码算出签发负责人所签的摘要；不需要密钥、数据库和网络"
    )
    digest.add_argument(
        "file", type=Path, help="院校账号下载的名单（xlsx，或另存的 csv），证件号码全号已填好"
    )
    digest.add_argument(
        "--own", type=Path, metavar="本校名册", help="不逐行填写时：本校自己的表格，有“姓名”和“证件号码”两列"
    )
    digest.set_defaults(run=_run("own_digest.digest"), bare=True)
    openapi = commands.add_parser("openapi", help="输出 OpenAPI 3 文档（JSON）")
    openapi.set_defaults(run=_run("documents.print_openapi"), bare=True)
    docs = commands.add_parser("docs", help="更新文档里由程序生成的表格")
    docs.add_argument("--readme", type=Path, default=Path("README.md"), help="项目的 README；docs/ 在它旁边")
    docs.set_defaults(run=_run("documents.refresh"), bare=True)


def _run(place: str) -> Run:
    """The function `module.name` of `server.commands`, imported when it is needed: `--help` stays quick."""
    module, _, name = place.partition(".")

    def run(args: argparse.Namespace, settings: Settings) -> int:
        gc.disable()  # what is imported stays: looking for garbage in it took a seventh of every start
        function = getattr(import_module(f"server.commands.{module}"), name)
        gc.freeze()
        gc.enable()
        return int(function(args, settings))

    return run
