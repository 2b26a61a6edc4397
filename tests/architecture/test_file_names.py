"""Two files of one name know the same kind of thing: who looks for a name finds one meaning."""

from __future__ import annotations

from collections import Counter

from tests.architecture.structure import sources

# What each repeated name means wherever it stands.
MEANS = {
    "__init__.py": "a package",
    "answers.py": "what an API answers",
    "app.py": "what is put together to be served: ours, and the sandbox",
    "audit.py": "the audit trail",
    "binding.py": "which candidate a WeChat identity is",
    "campaigns.py": "群发",
    "captcha.py": "the picture with letters",
    "certificates.py": "证书",
    "chat.py": "what is written to and fro in the official account",
    "clock.py": "what time it is",
    "courses.py": "培训",
    "facts.py": "where the facts for a life's guards are gathered",
    "file_store.py": "the store of files: its port, and the operator's commands",
    "imports.py": "imports of tables",
    "keywords.py": "the values that WeChat takes for a template's keywords",
    "limits.py": "WeChat's figures, of the platform and of Pay",
    "lookups.py": "what a candidate looks up",
    "menus.py": "the official account's menu, on either side of the wire",
    "mini_login.py": "wx.login, on either side of the wire",
    "notices.py": "通知",
    "notifications.py": "WeChat Pay's notifications, on either side of the wire",
    "officers.py": "院校签发负责人",
    "accounts_export.py": "导出账目: its verb and its route",
    "orders.py": "orders that are paid, on either side of the wire",
    "paging.py": "pages of a list",
    "payments.py": "money: the port to WeChat Pay, and the rows",
    "plans.py": "考试计划",
    "public_log.py": "公开签发日志: its rows and its commands",
    "pushes.py": "WeChat's pushes, on either side of the wire",
    "qrcodes.py": "QR codes of the official account, on either side of the wire",
    "queries.py": "a room's SQL",
    "reachability.py": "whether our address can be reached from outside",
    "reconciliation.py": "每日对账: its verbs, its rows and its page of the API",
    "refunds.py": "refunds, on either side of the wire",
    "results.py": "成绩",
    "session.py": "a log-in as an API's resource",
    "site_files.py": "WeChat's .txt files of a domain",
    "states.py": "the table of a life",
    "subscriptions.py": "subscription messages, on either side of the wire",
    "tables.py": "workbooks and lists that people hand in",
    "tokens.py": "access tokens of WeChat, on either side of the wire",
    "transitions.py": "the one writer of a life",
    "verification.py": "核验: what the public is told of a certificate",
    "verify.py": "whether a certificate's file is genuine",
    "wording.py": "labels and sentences of states",
    # the sandbox has a second wing for Pay; what both have is called the same in both
    "control.py": "the sandbox's switches and clock, as an API",
    "forgeries.py": "what an attacker would send",
    "gate.py": "the way in to every call of the sandbox's API",
    "phone.py": "the sandbox's invented phone",
    "refusals.py": "the sandbox's errors",
    "switches.py": "what can be made to go wrong in the sandbox",
    # a thing, its page or command, and its port
    "accounts.py": "accounts of the console",
    "keys.py": "the folder of keys",
    "wechat.py": "WeChat as the service sees it",
}
# Not yet: each means two things. None is added; one that is mended leaves.
TWO_MEANINGS = {
    "people.py"
}  # the people of the tables; the console's page; the list of candidates as a kind of import


def test_a_name_that_several_files_have_means_one_thing() -> None:
    often = {name for name, times in Counter(path.name for path in sources()).items() if times > 1}
    assert often - MEANS.keys() - TWO_MEANINGS == set(), (
        "give the new file its own name, or say what both mean"
    )
    assert (MEANS.keys() | TWO_MEANINGS) - often == set(), "no name any more of more than one file"
