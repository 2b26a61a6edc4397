"""Looking up results and certificates (S93): what is told to whom, and how it stays true when kept ready."""

from server.domain.lookups.changes import ALL, changed, scope_of, sweep

__all__ = ["ALL", "changed", "scope_of", "sweep"]
