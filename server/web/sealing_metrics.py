"""What `/metrics` says of certificates in the making, and of how long what seals them and shows them lasts."""

from __future__ import annotations

from prometheus_client.metrics_core import Metric

from server.domain.issuance.certificate_query import in_the_making
from server.domain.operations import outside_look
from server.domain.ports import Services
from server.web.collecting import gauge


async def sealing(_: Services) -> list[Metric]:
    waits = await in_the_making()
    return [
        gauge("xcert_certificates_waiting", "Certificates of handed-over batches without their file", waits.waiting),
        gauge("xcert_certificates_failing", "Those of them that failed the last time: seal, time stamp, font, disk", waits.failing),
    ]  # fmt: skip


async def seal(s: Services) -> list[Metric]:
    """Below zero: it has ended."""
    told = [gauge("xcert_seal_unusable", "1 while nothing can be sealed", int(bool(s.keys.seal_problem())))]
    if (ends := s.keys.seal_ends()) is not None:
        left = (ends - s.clock.now()).total_seconds()
        told.append(gauge("xcert_seal_expiry_seconds", "How long the seal's certificates are valid", left))
    return told


async def tls(s: Services) -> list[Metric]:
    seen = await outside_look.last(s)
    if seen is None or not s.settings.public_url.startswith("https://"):
        return []
    told = [
        gauge(
            "xcert_tls_problem",
            "1: visitors are shown no certificate that is valid",
            int(bool(seen.tls_problem)),
        )
    ]
    if seen.tls_ends is not None:
        left = (seen.tls_ends - s.clock.now()).total_seconds()
        told.append(
            gauge("xcert_tls_expiry_seconds", "How long the certificate of the public address is valid", left)
        )
    return told
