"""What `/metrics` says of the public log: how long it is, what waits, whether it stands still, who has signed it."""

from __future__ import annotations

from prometheus_client.metrics_core import Metric

from server.domain.ports import Services
from server.domain.public_log import log_health
from server.web.collecting import gauge, gauges


async def public_log(s: Services) -> list[Metric]:
    """One look at the database and the file store."""
    now = await log_health.look(s)
    behind = {witness: float(now.signed - max(0, size)) for witness, size in now.cosigned.items()}
    cosigned = {witness: float(size) for witness, size in now.cosigned.items()}
    return [
        gauge("xcert_log_entries", "Entries of the public log", now.size),
        gauge("xcert_log_signed", "Entries that the newest checkpoint covers", now.signed),
        gauge("xcert_log_waiting", "Events that wait for their place (10000 at most)", now.waiting),
        gauge("xcert_log_oldest_seconds", "Age of the oldest of them", now.oldest_seconds),
        gauge("xcert_log_stopped", "1 while the log, and with it the sealing, stands still", int(bool(now.problem))),
        gauges("xcert_log_cosigned", "Entries of the newest checkpoint that a witness has signed; -1: none", "witness", cosigned),
        gauges("xcert_log_witness_behind", "Entries that a witness has yet to sign", "witness", behind),
    ]  # fmt: skip
