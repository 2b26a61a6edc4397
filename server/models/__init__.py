"""WHAT WE KEEP: Tortoise models without behaviour. Every state is written by its one writer in the domain."""

from server.models.audit import AuditEntry, IdempotentAnswer, LookupChange, PushSeen
from server.models.certificate_kinds import CertificateKind
from server.models.exams import (
    ImportRun,
    Plan,
    PlanSlot,
    PracticeRecord,
    Registration,
    Score,
    ScoreChange,
    StandardVersion,
)
from server.models.issuance import Certificate, Issuance, NumberSeries, Preparation, Receipt, ScanTicket
from server.models.notices import Delivery, Grant, GrantEntry
from server.models.people import (
    ApiToken,
    Binding,
    Candidate,
    EndedPerson,
    EndedSession,
    Follower,
    Officer,
    OfficerBacker,
    School,
    Site,
    Staff,
)

__all__ = [
    "ApiToken",
    "AuditEntry",
    "Binding",
    "Candidate",
    "Certificate",
    "CertificateKind",
    "Delivery",
    "EndedPerson",
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
