"""What a person has to do about a refusal of WeChat, and where: one Chinese sentence for each errcode.

Places are named as WeChat names them: DOC 《服务号「开发接口管理」升级说明》 (service accounts: 微信开发者平台),
DOC 《服务端 API 调用说明》 and 《API IP 白名单》 (mini-programs: 开发设置 in their own console).
"""

from __future__ import annotations

from server.adapters.wechat.errcodes import (
    STABLE_TOKEN,
    TOKEN_ERRORS,
    address_refused,
    field_at_fault,
    remedy,
)
from server.errors import Remedy

NAMES = {"oa": "公众号", "mp": "小程序"}
_SERVICE = "微信开发者平台（developers.weixin.qq.com/platform）→ 我的业务 → 服务号"
_PROGRAMS = "小程序后台（mp.weixin.qq.com）→ 管理 → 开发管理"
ACCOUNT_PLACES = {"oa": f"{_SERVICE} → 基础信息", "mp": f"{_PROGRAMS} → 开发设置"}
KEY_PLACES = {"oa": f"{_SERVICE} → 基础信息 → 开发密钥", "mp": f"{_PROGRAMS} → 开发设置 → 开发者 ID"}
PUSH_PLACES = {
    "oa": f"{_SERVICE} → 基础信息 → 域名与消息推送配置",
    "mp": f"{_PROGRAMS} → 开发设置 → 消息推送",
}
_RIGHT_PLACES = {"oa": f"{_SERVICE} → 接口管理 → 接口权限与额度", "mp": f"{_PROGRAMS} → 接口设置"}
_PROGRAM = "微信没有接受程序发出的请求，请把这一行日志（含 rid）交给开发者"

_ADVICE = {
    40002: "获取凭证的方式（grant_type）不对，请升级本服务",
    40013: "AppID 不对，请核对 WECHAT_{KIND}_APPID：{account_place}",
    40125: "AppSecret 不对，请核对 WECHAT_{KIND}_SECRET，忘记了就重置：{key_place}",
    40243: "AppSecret 已被冻结，请解冻，10 分钟后生效：{key_place}",
    40164: "服务器地址 {address} 不在白名单，请加入，数分钟后生效：{key_place} → API IP 白名单",
    61004: "服务器地址 {address} 不在白名单，请加入，数分钟后生效：{key_place} → API IP 白名单",
    89503: "微信认为这次调用来自有风险的地址，请管理员在手机“公众平台安全助手”里确认；拒绝后一小时内不能再试",
    48001: "{name}没有这个接口的权限：请完成微信认证，并查看 {right_place}",
    48004: "这个接口已被微信封禁，请登录{name}后台查看站内信里的处罚通知并申诉",
    48006: "本月 10 次清零已用完，请等到北京时间零点自动恢复",
    40036: "模板编号的长度不对，请核对 WECHAT_{KIND}_TEMPLATE_… 各项，并运行 xcert doctor",
    40037: "模板编号不是{name}自己的，请运行 xcert doctor 找出是哪一项：{template_place}",
    43107: "{name}的订阅消息能力或这个模板已被封禁，请登录{name}后台查看通知中心",
    43116: "这个模板因被滥用已收回，请在{name}后台重新申请模板并更换编号：{template_place}",
    45168: "内容里有微信不允许的词，请检查考试计划等名称后重发",
    41030: "小程序没有这个页面或尚未发布，请先发布新版本：小程序后台 → 版本管理",
    47003: "模板的关键词{field}与程序发出的内容不一致，请运行 xcert doctor 逐项核对：{template_place}",
    65319: "公众号不允许自定义菜单：请完成微信认证，并查看 {right_place}",
    85069: "验证文件没有放对位置，须放在规则网址的最后一级目录，见 docs/operate.md 的上线清单",
    85074: "小程序尚未发布，扫普通链接二维码打开小程序需要先发布",
    85075: "个人主体的小程序不能使用扫普通链接二维码打开小程序",
    85079: "小程序还没有发布过线上版本，请先发布：小程序后台 → 版本管理",
    886000: "扫普通链接二维码规则本月发布次数已用完，请下月再发布",
    61024: "获取凭证的方式不适用于这个账号，请核对 WECHAT_{KIND}_APPID",
}
_TEMPLATE_PLACES = {
    "oa": "公众号后台 → 广告与服务 → 模板消息／订阅通知 → 我的模板",
    "mp": "小程序后台 → 功能 → 订阅消息 → 我的模板",
}


def advice(errcode: int, path: str, errmsg: str, kind: str) -> str:
    """What to do, and where.

    Args:
        errmsg: as WeChat said it; only the address of ours or the keyword that it names is taken from it.
        kind: oa or mp.
    """
    what = remedy(errcode, path)
    if path == STABLE_TOKEN and errcode in TOKEN_ERRORS:
        errcode = 40125
    sentence = _ADVICE.get(errcode)
    if sentence is None:
        sentence = (
            _PROGRAM
            if what is Remedy.BUG
            else "请凭 rid 在微信开发者平台 → 开发工具 → 接口中心 → API 诊断里查询原因，或联系微信客服"
        )
    name = NAMES.get(kind, kind)
    field = field_at_fault(errmsg)
    return sentence.format(
        name=name,
        KIND=kind.upper(),
        address=address_refused(errmsg) or "（见服务器的出口地址）",
        field=f" {field} " if field else "",
        template_place=_TEMPLATE_PLACES.get(kind, ""),
        account_place=ACCOUNT_PLACES.get(kind, ""),
        key_place=KEY_PLACES.get(kind, ""),
        right_place=_RIGHT_PLACES.get(kind, ""),
    )
