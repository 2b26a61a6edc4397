"""One connection of somebody: how many an address may hold at once, and how long a head may take.

Sanic's own clock starts anew with every byte, so that one byte a minute would hold a connection for ever. Here it runs
from the first byte of a head, and goes on while a refused body is thrown away.
"""

from __future__ import annotations

from collections import Counter
from typing import Any, ClassVar

from sanic.http import Stage
from sanic.server.protocols.http_protocol import HttpProtocol

from server.domain import addresses


class BoundedProtocol(HttpProtocol):
    """HTTP/1.1 with bounds. `app.ctx.connections_per_address`: 0 for none, as behind a proxy, whose address all have."""

    _held: ClassVar[Counter[str]] = Counter()  # of this process
    __slots__ = ("_address",)

    def __init__(self, **given: Any) -> None:
        super().__init__(**given)
        self._address: str | None = None

    def connection_made(self, transport: Any) -> None:
        most = int(getattr(self.app.ctx, "connections_per_address", 0))
        if most:
            peer = transport.get_extra_info("peername") or ("",)
            address = addresses.counted(str(peer[0]) if isinstance(peer, tuple) else "")
            if self._held[address] >= most:
                transport.abort()
                return
            self._held[address] += 1
            self._address = address
        super().connection_made(transport)  # type: ignore[no-untyped-call]  # Sanic has no types here

    def connection_lost(self, exc: Exception | None) -> None:
        if self._address is not None:
            self._held[self._address] -= 1
            if not self._held[self._address]:
                del self._held[self._address]
            self._address = None
        if self.transport is not None:  # an aborted one never began
            super().connection_lost(exc)  # type: ignore[no-untyped-call]

    def data_received(self, data: bytes) -> None:
        if self.transport is None:
            return
        before, http = self._time, self.http
        super().data_received(data)
        if http is not None and (
            http.stage is Stage.REQUEST or (http.stage is Stage.IDLE and getattr(http, "request_body", None))
        ):
            self._time = before
