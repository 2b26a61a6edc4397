"""Looking up results and certificates (S93): what is told to whom, and how ready answers stay true.

changes.py        `changed(s, scope)`: who changes something says so in its own transaction
watch.py          each process knows within a third of a second, or vouches for nothing
ready.py          shelf → Redis → database
results.py certificates.py wording.py   what is said
"""

from server.domain.freshness import ALL, changed, scope_of, sweep
from server.domain.lookups.certificates import (
    certificate_view,
    certificates,
    certificates_bytes,
    certificates_view,
)
from server.domain.lookups.results import results, results_bytes, results_view
from server.domain.lookups.watch import LookupWatch, Ready

__all__ = [
    "ALL",
    "LookupWatch",
    "Ready",
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
