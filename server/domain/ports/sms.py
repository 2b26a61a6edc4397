"""What the domain needs of a vendor of text messages. None is connected: `Services.sms` is None."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Protocol


class SmsSender(Protocol):
    """Text messages to phones; none is ever repeated behind the caller's back.

    A vendor sends texts that it has approved alone, so the adapter knows which of them a topic is.
    """

    def topics(self) -> Collection[str]:
        """The kinds of notice, by their names in `notices.topics`, of which the vendor keeps a text."""

    async def send(self, phone: str, topic: str, fields: Mapping[str, str], *, reference: str) -> str:
        """The vendor's number of the message that it took.

        Args:
            phone: 11 digits for China, `+` and digits for others; kept out of logs and errors.
            fields: by our names, e.g. `plan`.
            reference: which message it is, for the vendor's own account; nobody is bound to know a second one by it.

        Raises:
            Refused: the vendor takes nothing, and why, without the phone.
            OutsideFailure: no answer; `unknown=True` where it may have been sent.
        """
