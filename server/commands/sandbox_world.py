"""What the WeChat sandbox is told of this project: who one can be in it, and what there is to do."""

from __future__ import annotations

from typing import Any

CANDIDATE = "考生"
OFFICER = "院校签发负责人"
STAFF = "工作人员"
STAFF_PERSON = {"name": "刘敏", "mobile": "19900008204", "role": f"{STAFF} · 评价组织"}

# `place` opens in a person's phone: a page of ours, a page of the mini-program, or a screen of the phone; `url` on the computer.
ROLES: list[dict[str, Any]] = [
    {
        "title": CANDIDATE,
        "about": "考完试的人：查成绩、收通知、看证书。姓名、证件号码和手机号启动时已打印。",
        "steps": [
            {"text": "关注公众号", "place": "#account"},
            {"text": "绑定考生信息", "place": "/h5/bind"},
            {"text": "查成绩", "place": "/h5/results"},
            {"text": "看证书", "place": "/h5/certificates"},
            {"text": "在小程序里再做一遍", "place": "pages/index/index"},
        ],
    },
    {
        "title": OFFICER,
        "about": "代表院校扫码签发的人。邀请链接启动时已打印。",
        "steps": [
            {"text": "在“发现”里打开邀请链接，设置签发密码", "place": "#discover"},
            {"text": "扫一扫电脑上的签发二维码，核对名单，确认签发", "place": "#scan"},
            {"text": "看签发过的批次和签发凭据", "place": "/h5/officer/signed"},
        ],
    },
    {
        "title": STAFF,
        "about": "导入成绩、公布、签发、发放的人。账号和密码启动时已打印。",
        "steps": [
            {"text": "登录工作台", "url": "{service}/console/"},
            {"text": "公布成绩，看考生的手机收到通知", "url": "{service}/console/plans"},
            {"text": "签发一个批次，出示签发二维码", "url": "{service}/console/issuances"},
            {"text": "核验一份证书", "url": "{service}/v"},
            {"text": "在“我的账号”绑定微信，以后扫码登录", "place": "#scan"},
        ],
    },
]
