"""上线清单: every line of docs/operate.md's list, and by which findings of the doctor it ticks itself off."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class ListLine:
    """One line.

    Attributes:
        key: how a confirmation names it; stays as it is.
        step: its number in docs/operate.md.
        todo: what to do and where.
        checks: how the titles of the doctor's findings about it begin; empty: no program can tell.
        by_person: somebody confirms it, whatever the doctor sees.
    """

    key: str
    step: int
    title: str
    todo: str
    checks: tuple[str, ...] = ()
    by_person: bool = False


_OA = "公众号后台 → 设置与开发 → 公众号设置"
SECTIONS: tuple[tuple[str, tuple[ListLine, ...]], ...] = (
    ("账号与资质", (
        ListLine("service-account", 1, "公众号是服务号，小程序以同一主体注册，都完成了微信认证",
                 "个人主体不行：没有模板消息、手机号和普通链接能力。", by_person=True),
        ListLine("categories", 2, "两个账号选好了服务类目",
                 f"{_OA}，小程序后台 → 设置 → 基本设置：选“教育”类下与职业技能评价相符的类目。", by_person=True),
        ListLine("open-platform", 3, "两个账号绑定到同一个微信开放平台账号",
                 "open.weixin.qq.com → 管理中心。没有绑定，同一个人在两边没有同一个 unionid。", by_person=True),
        ListLine("icp", 4, "域名完成 ICP 备案，备案主体与账号一致", "在域名服务商处办理。", by_person=True),
        ListLine("https", 4, "HTTPS 证书有效，含完整证书链", "由受信任的机构签发，快到期的及时续期。", ("对外网址",)),
    )),
    ("服务器", (
        ListLine("settings", 5, "设置齐全", "照 docs/operate.md 的“设置”表填写标“生产必填”的各项。", ("设置",)),
        ListLine("address", 5, "对外网址定下来了，从此不再改", "这个网址会印在每张证书上：协议、域名、大小写和路径。", by_person=True),
        ListLine("stores", 5, "数据库、数据库表和 Redis 可用", "照体检的说明处理。", ("数据库", "Redis")),
        ListLine("machine", 5, "后台任务、数据目录、证书字体和导入表格可用", "照体检的说明处理。",
                 ("后台任务", "数据目录", "证书文件", "删除登记", "证书字体", "导入表格", "通知", "结果未知的通知", "时钟")),
        ListLine("keys", 6, "密钥和印章证书放好了", "运行 xcert keys create，把申请文件交给电子认证机构，签回的证书链存为 seal-0001.crt。",
                 ("密钥", "电子印章", "印章", "时间戳")),
        ListLine("keys-backup", 6, "密钥目录另行备份，与数据的备份分开放", "两样都拿到的人就能读出证件号码；少了任何一期，对应的号码读不出来。", by_person=True),
        ListLine("backups", 6, "每天自动备份，并在另一台机器上演练过恢复", "docs/operate.md“备份与恢复”。", ("备份",), by_person=True),
        ListLine("proxy", 7, "反向代理的层数填对了", "XCERT_PROXIES；填 0 时所有来访者共用一份限额。", ("反向代理",)),
    )),
    ("公众号与小程序", (
        ListLine("credentials", 8, "AppID、AppSecret 正确，服务器的出口地址在白名单内", "微信开发者平台 → 开发密钥、API IP 白名单；小程序后台 → 开发设置。",
                 ("公众号账号", "小程序账号")),
        ListLine("pushes", 10, "消息推送的网址、Token 和密钥一致，收到过微信的推送", "填写网址、Token 和 EncodingAESKey，选安全模式并启用，再用微信发一条消息。",
                 ("公众号消息推送", "小程序消息推送", "公众号最近推送", "小程序最近推送", "微信能否访问服务器", "最近告警", "公众号接口额度", "小程序接口额度")),
        ListLine("two-admins", 10, "至少有两位管理员，都启用了第二重验证", "建立账号、重置密码和调整角色须由两位管理员办理。", ("管理员",)),
    )),
    ("域名", (
        ListLine("oa-domains", 11, "公众号的网页授权域名、JS接口安全域名、业务域名", f"{_OA} → 功能设置，都填您的域名，不带协议。", ("域名", "JS-SDK"), by_person=True),
        ListLine("mp-domains", 12, "小程序的 request、downloadFile 合法域名，发布的版本里有本服务要打开的各页", "小程序后台 → 管理 → 开发管理 → 服务器域名。", by_person=True),
        ListLine("site-files", 13, "微信要的验证文件都放好了", "xcert wechat file add 文件，再到后台点“验证”。", ("验证文件",)),
    )),
    ("模板与菜单", (
        ListLine("templates", 14, "消息模板选好、填好，关键词一致", "照 docs/operate.md 的模板表选用，把编号填到设置里。",
                 ("公众号模板", "小程序模板", "公众号订阅", "小程序订阅", "模板")),
        ListLine("menu", 15, "公众号菜单与本服务的一致", "xcert wechat menu diff 看不同，menu apply 更新。", ("公众号菜单",)),
    )),
    ("微信支付（不收费的，确认“不收费”）", (
        ListLine("pay-products", 16, "AppID 已关联商户号，开通了 JSAPI 和 Native 支付，支付授权目录以斜杠结尾", "商户平台 → 产品中心。", by_person=True),
        ListLine("pay-keys", 18, "商户证书、APIv3 密钥、微信支付公钥填对了", "商户平台 → 账户中心 → API 安全。",
                 ("微信支付", "账目", "支付通知", "待支付订单", "退款", "对账")),
    )),
    ("扫普通链接二维码打开小程序", (
        ListLine("links", 20, "两条规则加好并发布：/v/ 和 /s/，末尾有斜杠", "小程序后台 → 开发管理 → 扫普通链接二维码打开小程序。没有小程序的，确认“没有小程序”。", by_person=True),
    )),
    ("最后", (
        ListLine("log", 23, "公开签发日志和审计记录正常", "照体检的说明处理；见证人可以以后再请。", ("公开签发日志", "日志的见证人", "审计")),
        ListLine("rehearsal", 24, "用真实的微信走过一遍：关注、发“成绩”、扫一张证书、走一次签发", "走完再看“收到过微信的推送”一行。", by_person=True),
    )),
)  # fmt: skip

LINES: dict[str, ListLine] = {line.key: line for _, lines in SECTIONS for line in lines}


def line_of(title: str) -> str:
    """To which line a finding of the doctor belongs: the longest beginning counts. Empty: to none of them."""
    fits = [
        (len(start), line.key) for line in LINES.values() for start in line.checks if title.startswith(start)
    ]
    return max(fits)[1] if fits else ""
