"""A vendor of text messages that remembers what it was given."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field

from server.domain.ports import SmsSender


@dataclass(frozen=True)
class Text:
    phone: str
    topic: str
    fields: Mapping[str, str]
    reference: str


@dataclass
class FakeSmsSender:
    """Texts of every topic named; the next sends raise `answers` in this order."""

    approved: Collection[str] = ("fee_closing", "fee_paid", "results_released")
    sent: list[Text] = field(default_factory=list)
    answers: list[Exception] = field(default_factory=list)

    def topics(self) -> Collection[str]:
        return self.approved

    async def send(self, phone: str, topic: str, fields: Mapping[str, str], *, reference: str) -> str:
        if self.answers:
            raise self.answers.pop(0)
        self.sent.append(Text(phone, topic, dict(fields), reference))
        return f"sms-{len(self.sent)}"


_: type[SmsSender] = FakeSmsSender
