"""Looking up results and certificates (S93): what is told to whom, and for how long it is true if nobody changes it.

queries.py   the SQL, one statement each
views.py     what is told, as frozen objects
results.py certificates.py wording.py   from rows to what is told
worklist.py  what waits for whom, on the first page of the console

Who changes something says so in its own transaction: `server.domain.freshness`. Bytes that are kept ready for phones,
with their ETags, are the web's: `server.web.ready_answers`.
"""

from server.domain.freshness import changed, scope_of, sweep
from server.domain.lookups.certificates import certificate, certificates
from server.domain.lookups.results import results

__all__ = ["certificate", "certificates", "changed", "results", "scope_of", "sweep"]
