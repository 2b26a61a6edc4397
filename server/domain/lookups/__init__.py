"""Looking up results and certificates (S93): what is told to whom, and how ready answers stay true.

cache.py          this process → Redis → the database, as far as the watch vouches (`ports.lookups`)
results.py certificates.py wording.py   what is said
worklist.py       what waits for whom, on the first page of the console

Who changes something says so in its own transaction: `server.domain.freshness`.
"""

from server.domain.freshness import changed, scope_of, sweep
from server.domain.lookups.certificates import (
    certificate_view,
    certificates,
    certificates_bytes,
    certificates_view,
)
from server.domain.lookups.results import results, results_bytes, results_view
from server.domain.ports.lookups import CachedAnswer

__all__ = [
    "CachedAnswer",
    "certificate_view",
    "certificates",
    "certificates_bytes",
    "certificates_view",
    "changed",
    "results",
    "results_bytes",
    "results_view",
    "scope_of",
    "sweep",
]
