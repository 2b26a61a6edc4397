"""What staff send campaigns about. Nobody is in two campaigns of one kind at the same time."""

from __future__ import annotations

from enum import Enum


class CampaignKind(Enum):
    """value: how it is stored; label: how it is written."""

    EXAM = "exam"
    FEES = "fees"
    CERTIFICATES = "certificates"
    RESULTS = "results"
    OTHER = "other"

    @property
    def label(self) -> str:
        return _LABELS[self.value]


_LABELS = {
    "exam": "考试安排",
    "fees": "缴费提醒",
    "certificates": "证书事项",
    "results": "成绩事项",
    "other": "其他事项",
}
