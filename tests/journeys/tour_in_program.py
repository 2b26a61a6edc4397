"""What the tour needs of the greeting, and its part in the mini-program."""

from __future__ import annotations

import re

from playwright.sync_api import Page

from tests.journeys.readme_tour import Step
from tests.journeys.service import Service, last_four
from tests.journeys.windows_of_tour import look


def printed(service: Service, name: str) -> tuple[str, str, str]:
    """What the greeting prints for a person: the line, what a form asks for, and the phone's last digits."""
    line = next(one for one in service.first_greeting.splitlines() if name in one)
    asked = re.search(r"http\S+|99\d{15}[\dX]", line)
    assert asked is not None
    return line, asked[0], last_four(line)


def in_the_program(step: Step, phone: Page, fresh: Service) -> None:
    """The same person looks up in the mini-program, in another window."""
    _, number, digits = printed(fresh, "罗云曦")
    phone.goto(f"{fresh.sandbox}/phone")
    step.press(phone, "罗云曦", exact=False)
    step.press(phone, "发现")
    step.press(phone, "小程序", exact=False)
    step.press(phone, "去绑定")
    for label, value in (("姓名", "罗云曦"), ("证件号码", number), ("手机号后四位", digits)):
        step.fill(phone, label, value)
    step.press(phone, "同意并绑定")
    step.see(phone, "通过")
    look(phone, "phone-program")
