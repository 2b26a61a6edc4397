"""One connection of somebody: how many an address may hold at once, how long a head may take, and how it ends at a stop.

Sanic's own clock starts anew with every byte, so that one byte a minute would hold a connection for ever. Here it runs
from the first byte of a head, and goes on while a refused body is thrown away.

At a stop Sanic closes every connection on which nothing was read yet, also one that was accepted a moment ago and whose
request is under way, and goes on serving those that ask again and again until it cuts them off. Here the first have
some time to ask, and every answer from then on is the connection's last.
"""

from __future__ import annotations

from collections import Counter
from typing import Any, ClassVar

from sanic import Request
from sanic.http import Http, Stage
from sanic.server.protocols.http_protocol import HttpProtocol

from server.domain import addresses

# Of a refused body: so much is read and forgotten after the answer, and so long.
FORGOTTEN, FORGETTING_SECONDS = 64 * 1024 * 1024, 10.0  # bytes, seconds
LAST_REQUEST_SECONDS = 2.0
_LOOK_SECONDS = 0.1
_ANSWERED_SECONDS = 0.01  # between two looks whether a refusal is written


def at_stop(app: Any) -> None:
    """From now on every answer says that the connection ends with it, and streams that have no end of their own end."""
    app.ctx.stopping.set()


def last_answer(request: Request) -> None:
    """Before an answer's head is written: at a stop it is the connection's last."""
    if request.app.ctx.stopping.is_set() and isinstance(request.stream, Http):
        request.stream.keep_alive = False


def break_off(request: Request) -> None:
    """Cut the connection in the middle of an answer: nothing else says to a client that half of it is all there is."""
    transport: Any = request.transport
    if transport is not None:
        transport.abort()


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
            super().connection_lost(exc)  # type: ignore[no-untyped-call]  # Sanic has no types there

    def data_received(self, data: bytes) -> None:
        if self.transport is None:
            return
        before, http = self._time, self.http
        super().data_received(data)
        if http is not None and (
            http.stage is Stage.REQUEST or (http.stage is Stage.IDLE and getattr(http, "request_body", None))
        ):
            self._time = before

    def linger(self) -> None:
        """The body that comes now is refused: its answer ends what we write, and the rest is read and forgotten.

        Who closes with bytes unread resets the connection. Whoever is still sending, a browser or a proxy, then loses
        the answer, and a person reads that nobody is there instead of what to do.
        """
        if self.http is not None:
            self.http.request_max_size = self.request_max_size = FORGOTTEN
            self.keep_alive_timeout = FORGETTING_SECONDS
            self._end_writing()

    def _end_writing(self) -> None:
        """Once the answer is out, the other side is told that no more comes."""
        if self.transport is None or self.transport.is_closing() or self.http is None:
            return
        if self.http.stage is not Stage.IDLE:
            self.loop.call_later(_ANSWERED_SECONDS, self._end_writing)
        elif self.transport.can_write_eof():
            self.transport.write_eof()

    def close_if_idle(self) -> bool:
        """Sanic's word at a stop, once for each connection: here the beginning of its end."""
        self._leave(LAST_REQUEST_SECONDS)
        return False

    def _leave(self, seconds: float) -> None:
        """Close as soon as nothing is asked here, after so many seconds without a question.

        It looks anew each time instead of once at the end: between two looks the loop reads what has come, so that a
        request is not overlooked however busy the process is.
        """
        if self.transport is None or self.transport.is_closing():
            return
        if not self.recv_buffer and (self.http is None or self.http.stage is Stage.IDLE):
            if seconds <= 0:
                self.close()
                return
            seconds -= _LOOK_SECONDS
        self.loop.call_later(_LOOK_SECONDS, self._leave, seconds)
