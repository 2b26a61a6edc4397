"""The jobs that the console's help describes: what each is called, whose it is, and which pages speak of it."""

from __future__ import annotations

from dataclasses import dataclass

from server.domain import roles
from server.domain.actor import Actor
from server.domain.people.school_scope import is_school
from server.domain.roles import Verb

SCHOOL, STAFF, ALL = "school", "staff", "all"


@dataclass(frozen=True, slots=True)
class Job:
    """One page of help.

    Attributes:
        slug: of its address and of its template, `console/help/<slug>.html`.
        words: what people also call it, for the search.
        pages: where it is done, as the navigation writes them; each of them links here.
        verbs: whoever may do one of these does the job; empty: everybody.
        whose: only of a school's own people, only of the organisation's, or of both.
    """

    slug: str
    title: str
    words: str
    pages: tuple[str, ...]
    verbs: tuple[Verb, ...] = ()
    whose: str = ALL


GROUPS: tuple[tuple[str, tuple[Job, ...]], ...] = (
    ("先看这里", (
        Job("sign-in", "怎样登录，手机丢了怎么办", "密码 忘记 动态码 通行密钥 恢复码 扫码登录 第二步 第二重验证", ("/console/account",)),
        Job("lists", "怎样查找、筛选、导出和用键盘", "搜索 排序 翻页 快捷键 表格 下载 批量", ("/console/",)),
        Job("school-day", "院校人员的日常", "院校账号 学校 老师 每天 签收 缴费", ("/console/", "/console/schools"),
            (Verb.PAY_FOR_SCHOOL,), SCHOOL),
    )),
    ("考试与成绩", (
        Job("import", "怎样导入考生信息和成绩", "上传 表格 模板 报错 实践学时 excel", ("/console/imports",), (Verb.IMPORT,)),
        Job("release", "怎样公布成绩", "发布 出分 定时 合格率 批准", ("/console/plans",), (Verb.RELEASE, Verb.APPROVE_RELEASE)),
        Job("score-change", "公布以后发现成绩错了怎么办", "改分 复核 成绩变更", ("/console/score-changes",),
            (Verb.APPROVE_SCORES,)),
        Job("rare", "姓名里有印不出的字怎么办", "生僻字 字体 少数民族", ("/console/rare-characters",), (Verb.IMPORT,)),
    )),
    ("签发与证书", (
        Job("batch", "怎样建立、核对和签发批次", "名单 待签发 撤回 退回 重新准备", ("/console/plans", "/console/issuances"),
            (Verb.PREPARE, Verb.SIGN)),
        Job("school-sign", "怎样让院校扫码签发", "二维码 签发密码 校验码 催办 确认", ("/console/issuances", "/console/officers"),
            (Verb.SHOW_TICKET, Verb.SIGN)),
        Job("officer", "怎样邀请、确认和更换签发负责人", "邀请链接 重置签发密码 停用 代理 换人 改名 手机号", ("/console/officers", "/console/schools"),
            (Verb.INVITE,)),
        Job("hand-over", "怎样发放证书", "生成 盖章 电子证书 打包 下载 没有做成", ("/console/issuances",), (Verb.HAND_OVER,)),
        Job("correct", "怎样更正一张证书", "名字错 身份证 函件 换发 重新发证", ("/console/corrections", "/console/certificates"),
            (Verb.ASK_CORRECTION,)),
        Job("revoke", "怎样撤销一张证书", "作废 违纪 核验", ("/console/certificates",), (Verb.REVOKE,), STAFF),
        Job("portal", "怎样处理与国家门户名单的差异", "门户证书编号 核对 清单 不一致 1+X", ("/console/portal-differences", "/console/certificates"),
            (Verb.SETTLE_PORTAL,)),
        Job("paper", "怎样印制、寄送和签收纸质证书", "挂号信 快递 包裹 交接单 作废 张数不符 印刷", ("/console/paper",),
            (Verb.HANDLE_PAPER, Verb.RECEIVE_PAPER)),
    )),
    ("考生与通知", (
        Job("telephone", "考生打电话来怎么办", "查找 查不到 绑定 解绑 没收到 手机号", ("/console/people",), (Verb.SEE_PEOPLE,)),
        Job("privacy", "考生要求查阅、复制或删除个人信息怎么办", "隐私 个保法 副本 导出 注销 抹掉 书面申请", ("/console/people",),
            (Verb.EXPORT_PERSON, Verb.ASK_ERASURE)),
        Job("campaign", "怎样群发通知", "模板 受众 草稿 批准 暂停 结局", ("/console/campaigns", "/console/deliveries"),
            (Verb.SEND_CAMPAIGNS,)),
    )),
    ("收费", (
        Job("charge", "怎样定价和收费", "价格 应缴 订单 微信支付 扫码付款 减免 收据", ("/console/prices", "/console/fees", "/console/orders",
            "/console/waivers"), (Verb.SEE_MONEY,)),
        Job("transfer", "怎样登记院校的对公转账", "银行 汇款 回单 凭证 流水号", ("/console/transfers",), (Verb.RECORD_TRANSFER,)),
        Job("refund", "怎样退费", "退款 退钱 原路退回 终止 银行卡 银行退款", ("/console/refunds", "/console/orders"),
            (Verb.REFUND, Verb.APPROVE_REFUND)),
        Job("reconcile", "怎样对账", "账单 差异 结账 提现 导出账目 缴费提醒", ("/console/reconciliation", "/console/finance-alarms"),
            (Verb.RECONCILE,)),
        Job("training", "怎样安排一期师资培训", "学员 名额 培训费 报名", ("/console/courses",), (Verb.ARRANGE_COURSES,)),
    )),
    ("账号与记录", (
        Job("staff", "怎样建立账号、重置密码和调整角色", "新建账号 停用 权限 一次性密码 两位管理员", ("/console/accounts", "/console/rights"),
            (Verb.MANAGE_STAFF,)),
        Job("go-live", "怎样准备上线，怎样体检", "上线 检查 doctor 备份 证书到期 设置 告警", ("/console/go-live", "/console/operations"),
            (Verb.CHECK_UP,)),
        Job("audit", "怎样查谁做过什么", "审计 日志 记录 追查", ("/console/audit",), (Verb.SEE_AUDIT,)),
    )),
)  # fmt: skip

JOBS: dict[str, Job] = {job.slug: job for _, jobs in GROUPS for job in jobs}

# What a picture of the help shows, for who does not see it. Tests take them (tests/browser/test_help_pictures.py).
PICTURES: dict[str, str] = {
    "home": "首页“今天等您办的”：每行一件事、数目和最早的已等多久，点一下就到办理的地方。",
    "list-bar": "批次列表的筛选、排序、显示的列和导出。",
    "keys": "键盘一览：j、k 上下，Enter 打开，n 下一页，x 选中。",
    "import": "导入页：四种表格、模板和拖放文件的地方。",
    "import-checked": "检查的结果：总行数、新增、改动、未变、有误。",
    "release": "公布成绩：成绩未齐、缺考、合格率，以及批准公布的按钮。",
    "score-change": "提出成绩变更的表单。",
    "batch-list": "签发批次的列表，可以勾选几个一起签发、发放。",
    "batch": "批次页上方：走到哪一步，下一步由谁办。",
    "qr": "签发二维码和名单校验码。",
    "officers": "邀请签发负责人的对话框。",
    "correction": "提出更正的表单：谁的什么、正确的内容、函件。",
    "revoke": "撤销证书的对话框。",
    "portal": "门户的清单与本系统核对的数目。",
    "paper": "一次印制：纸张编号的账和包裹在谁手里。",
    "person": "考生的一页：基本信息和可以办的事。",
    "copy": "导出个人信息副本的对话框：书面申请的日期和依据。",
    "erasure": "提出删除个人信息的对话框：删除什么、留下什么。",
    "campaign": "群发的时间和经手人，提交批准以前看一遍。",
    "fees": "应缴费用的列表。",
    "transfer": "登记一笔对公转账。",
    "refund": "订单里提出退款的对话框。",
    "reconciliation": "对账日的列表。",
    "staff-changes": "账号变更：谁提出，等另一位管理员批准。",
    "go-live": "上线清单：好了几项，每一项谁确认的，要处理的怎样处理。",
    "second-factor": "“我的账号”里的第二重验证：通行密钥、动态码和恢复码。",
}  # fmt: skip


def concerns(job: Job, actor: Actor) -> bool:
    """Whether this person does that job."""
    if job.whose != ALL and (job.whose == SCHOOL) is not is_school(actor):
        return False
    return not job.verbs or any(roles.may(actor, verb) for verb in job.verbs)


def of_page(nav: str, actor: Actor) -> list[Job]:
    """What help a page links to: the jobs that this person does there."""
    return [job for job in JOBS.values() if nav in job.pages and concerns(job, actor)]
