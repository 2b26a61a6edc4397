"""WHAT WE KEEP: Tortoise models without behaviour. Every state is written by its one writer in the domain."""

from server.records.exams import (
    CertificateKind,
    ImportRun,
    Plan,
    PlanSlot,
    PracticeRecord,
    Registration,
    Score,
    ScoreChange,
    StandardVersion,
)
from server.records.issuing import Certificate, Issuance, NumberSeries, Preparation, Receipt, ScanTicket
from server.records.notices import Delivery, Grant, GrantEntry
from server.records.people import (
    ApiToken,
    Binding,
    Candidate,
    EndedSession,
    Follower,
    Officer,
    OfficerBacker,
    School,
    Site,
    Staff,
)
from server.records.trail import AuditEntry, IdempotentAnswer, LookupChange, PushSeen

__all__ = [
    "ApiToken",
    "AuditEntry",
    "Binding",
    "Candidate",
    "Certificate",
    "CertificateKind",
    "Delivery",
    "EndedSession",
    "Follower",
    "Grant",
    "GrantEntry",
    "IdempotentAnswer",
    "ImportRun",
    "Issuance",
    "LookupChange",
    "NumberSeries",
    "Officer",
    "OfficerBacker",
    "Plan",
    "PlanSlot",
    "PracticeRecord",
    "Preparation",
    "PushSeen",
    "Receipt",
    "Registration",
    "ScanTicket",
    "School",
    "Score",
    "ScoreChange",
    "Site",
    "Staff",
    "StandardVersion",
]
