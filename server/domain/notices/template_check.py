"""At the start of a worker and once a day: whether the account's templates still fit what we send. What is wrong is an
ERROR in the log, in time for somebody to mend it before the next notice; `xcert doctor` says the same with more words.
"""

from __future__ import annotations

import logging

from server.domain.notices.wanted_templates import CHANNEL_NAMES, needed, template_faults
from server.domain.ports import Queue, Services
from server.errors import OutsideFailure, Refused

log = logging.getLogger("xcert.notices")
JOB = "notices.templates"


async def put(queue: Queue) -> None:
    """Have it looked at soon, once however many workers start."""
    await queue.put(JOB, once=JOB)


async def look(s: Services) -> None:
    """Job and sweep `notices.templates`. Asks WeChat twice; changes nothing."""
    for account in ("oa", "mp"):
        try:
            mine = [one for one in needed(s.settings, account) if one.template]
            known = {one.id: one for one in await s.wechat_console.templates(account)} if mine else {}
        except Refused as refusal:
            log.error("templates: %s", refusal.message)
            continue
        except OutsideFailure as failure:  # credentials and the like are told where they are used
            log.info("the templates were not compared: %s", failure)
            continue
        for want in mine:
            name = f"{CHANNEL_NAMES[want.channel]}“{want.title}”（{want.setting}）"
            template = known.get(want.template)
            if template is None:
                log.error("%s 的编号不在账号的模板里，这种通知发不出去；请运行 xcert doctor", name)
            elif faults := template_faults(want, template):
                log.error("%s 的关键词%s，微信会拒收；请运行 xcert doctor", name, "；".join(faults))
