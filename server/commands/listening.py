"""The socket that visitors knock at: opened once by the parent, shared by its web processes, closed behind the last one."""

from __future__ import annotations

import ctypes
import socket
import struct
import time
from contextlib import suppress
from dataclasses import dataclass

from server import os_errors
from server.commands import Impossible
from server.settings import Settings, handed_over

_BACKLOG = 1024
_FIRST_HANDED_OVER = 3  # sd_listen_fds(3)
HANDSHAKE_SECONDS = 0.3  # for who has been answered by the kernel and whose last word is under way
LONGEST_SECONDS = 3.0  # for the processes to take what waits; they may have died
_LOOK_SECONDS = 0.02
# linux/filter.h, socket(7): drops the first packet of a new connection, lets pass what belongs to one begun.
_SO_ATTACH_FILTER = 26
_NO_FIRST_PACKETS = (
    (0x30, 0, 0, 13),  # the byte of flags in the head of TCP
    (0x45, 0, 1, 0x02),  # SYN?
    (0x06, 0, 0, 0),  # drop
    (0x06, 0, 0, 0xFFFFFFFF),  # keep
)
_WAITING_AT = 24  # linux/tcp.h tcp_info.tcpi_unacked: of a listening socket, the connections not yet accepted


@dataclass(frozen=True, slots=True)
class Line:
    """The socket, and whether it is ours to close or somebody's who hands it to the next one as well (systemd)."""

    socket: socket.socket
    is_ours: bool

    def close(self) -> None:
        """Let nobody in any more; of a socket that is not ours, who is in the queue is taken by whoever comes next."""
        if self.is_ours:
            close(self.socket)
        else:
            self.socket.close()


def line_of(settings: Settings) -> Line:
    """The socket that systemd has opened for us, or one of our own at XCERT_HOST:PORT. Raises Impossible."""
    count = handed_over()
    if count > 1:
        raise Impossible("systemd 交来的监听套接字不止一个。请在 .socket 单元里只写一个 ListenStream。")
    if count == 1:
        return Line(socket.socket(fileno=_FIRST_HANDED_OVER), is_ours=False)
    return Line(listen(settings), is_ours=True)


def listen(settings: Settings) -> socket.socket:
    """Open XCERT_HOST:PORT. Raises Impossible."""
    family = socket.AF_INET6 if ":" in settings.host else socket.AF_INET
    line = socket.socket(family)
    line.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        line.bind((settings.host, settings.port))
    except OSError as error:
        line.close()
        raise Impossible(
            f"端口 {settings.port} 用不了（{os_errors.cause(error)}）。"
            "请停止占用它的程序，或另选端口，例如 make serve PORT=9000 SANDBOX_PORT=9001。"
        ) from None
    line.listen(_BACKLOG)
    return line


def check_free(port: int, name: str) -> None:
    """Raises Impossible, naming the setting, if somebody has this port of 127.0.0.1."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError as error:
            raise Impossible(
                f"端口 {port} 用不了（{os_errors.cause(error)}）。请停止占用它的程序，或用 {name}= 另选端口。"
            ) from None


def close(line: socket.socket) -> None:
    """Let nobody in any more, and wait until the web processes, which still run, have taken everybody who is in.

    Closing a listening socket resets the connections in its queue: their visitors were let in by the kernel and would
    get no answer. So the queue's end comes first. A visitor who comes after it hears nothing, knocks again a second
    later (TCP's own retry) and is refused then, or let in by whoever serves this port next.
    """
    _refuse_new(line)
    until = time.monotonic() + LONGEST_SECONDS
    time.sleep(HANDSHAKE_SECONDS)
    while _waiting(line) and time.monotonic() < until:
        time.sleep(_LOOK_SECONDS)
    line.close()


def _refuse_new(line: socket.socket) -> None:
    code = b"".join(struct.pack("HBBI", *step) for step in _NO_FIRST_PACKETS)
    buffer = ctypes.create_string_buffer(code, len(code))
    program = struct.pack("HP", len(_NO_FIRST_PACKETS), ctypes.addressof(buffer))
    with suppress(OSError):  # a kernel without it: then only the queue is waited for
        line.setsockopt(socket.SOL_SOCKET, _SO_ATTACH_FILTER, program)


def _waiting(line: socket.socket) -> int:
    """How many connections nobody has accepted yet."""
    try:
        info = line.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 104)
    except OSError:
        return 0
    return int(struct.unpack_from("I", info, _WAITING_AT)[0])
