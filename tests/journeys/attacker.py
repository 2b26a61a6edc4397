"""One who means harm, from addresses of his own, as long as a journey lasts: the worst that outsiders were seen to send.

Every attack is bounded in size and number, and goes to this machine alone. What came back is counted, so that a journey can
say that nothing was answered as a surprise (5xx) and that the attacks did arrive.
"""

from __future__ import annotations

import socket
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from itertools import count
from typing import Any

import httpx

from tests.journeys.service import Service

SECONDS = 20.0  # how long one attack waits for its answer
_PUSH = "signature=x&timestamp=1&nonce=1&encrypt_type=aes&msg_signature=x"
_FORM = "application/x-www-form-urlencoded"


class Attacker:
    """Sends every attack in turn, again and again, each time from the next of 40 loopback addresses."""

    def __init__(self, service: Service) -> None:
        self.service = service
        self.answers: Counter[tuple[str, int]] = Counter()  # (attack, status); 0: the connection was closed
        self._ended = threading.Event()
        self._held: list[socket.socket] = []

    def run(self) -> None:
        """Until `end`."""
        for turn in count():
            address = f"127.0.0.{2 + turn % 40}"
            for attack in ATTACKS:
                if self._ended.is_set():
                    return
                self._try(attack, address)

    def _try(self, attack: Callable[[Attacker, httpx.Client], None], address: str) -> None:
        transport = httpx.HTTPTransport(local_address=address)
        with httpx.Client(base_url=self.service.url, transport=transport, timeout=SECONDS) as client:
            try:
                attack(self, client)
            except httpx.TransportError:
                self.answers[attack.__name__, 0] += 1

    def sent(self, attack: str, answer: httpx.Response) -> None:
        self.answers[attack, answer.status_code] += 1

    def end(self, at_work: threading.Thread) -> None:
        """Stop, wait for the last attack, and then let go: what it opens while we wait is let go too."""
        self._ended.set()
        at_work.join(120)
        while self._held:
            self._held.pop().close()

    def hold(self, head: bytes) -> None:
        """A connection that has begun and never goes on; the newest 60 are held."""
        line = socket.create_connection(
            ("127.0.0.1", self.service.port), SECONDS, source_address=("127.0.0.60", 0)
        )
        with suppress(OSError):
            line.sendall(head)
        self._held.append(line)
        if len(self._held) > 60:
            self._held.pop(0).close()


def blanks_before_a_signature(attacker: Attacker, client: httpx.Client) -> None:
    for door in ("/wechat/oa", "/wechat/mp"):
        for body in (b"<Encrypt>" + b" " * 200_000, b'{"Encrypt"' + b" " * 200_000, b"<" * 200_000):
            attacker.sent("blanks", client.post(f"{door}?{_PUSH}", content=body))


def a_form_of_many_fields(attacker: Attacker, client: httpx.Client) -> None:
    for door in ("/v", "/console/login"):
        for body in (b"a=1&" * 15_000, b"a=1&" * 500_000):
            attacker.sent("fields", client.post(door, content=body, headers={"content-type": _FORM}))


def a_body_that_never_ends(attacker: Attacker, _: httpx.Client) -> None:
    for door in ("/v", "/console/api/v1/imports", "/wechat/pay/notify"):
        head = f"POST {door} HTTP/1.1\r\nhost: x\r\ncontent-length: 50000000\r\n\r\n"
        attacker.hold(head.encode() + b"x" * 100_000)
    attacker.hold(b"GET / HTTP/1.1\r\nhost:")


def invented_methods(attacker: Attacker, client: httpx.Client) -> None:
    for number in range(5):
        attacker.sent("methods", client.request(f"FOO{number}" + "X" * 3000, "/"))


def bytes_that_are_no_text(attacker: Attacker, client: httpx.Client) -> None:
    for path in (
        "/static/css/%00",
        "/v/%00%ff",
        "/h5/login?next=%ff%fe",
        "/s/%00",
        "/console/login?next=//x",
    ):
        attacker.sent("bytes", client.get(path))
    number = {"content-type": _FORM}
    attacker.sent("bytes", client.post("/v", content=b"number=%00&name=%ff", headers=number))
    for door in ("/mp/v1/session", "/console/api/v1/session", "/wechat/pay/notify"):
        for body in (b"\xff\xfe\x00", b'{"code":"\\u0000"}', b"[" * 5000):
            headers = {b"content-type": b"application/json", b"x-csrf-token": b"\xff"}
            attacker.sent("bytes", client.post(door, content=body, headers=headers))


def wrong_passwords(attacker: Attacker, client: httpx.Client) -> None:
    for username in ("operator", "issuer", "admin"):
        said: dict[str, Any] = {"username": username, "password": "not-the-password-of-anybody"}
        attacker.sent("passwords", client.post("/console/api/v1/session", json=said))


def guesses(attacker: Attacker, client: httpx.Client) -> None:
    attacker.sent("guesses", client.get("/v/" + "1" * 500))
    attacker.sent("guesses", client.get("/s/" + "A" * 32))
    attacker.sent("guesses", client.get("/h5/oauth?code=x&state=y"))
    attacker.sent("guesses", client.post("/mp/v1/session", json={"code": "guessed"}))
    attacker.sent("guesses", client.get("/mp/v1/results", headers={"authorization": "Bearer 1.x.y"}))
    attacker.sent("guesses", client.get("/console/api/v1/people?q=1"))


ATTACKS = (
    blanks_before_a_signature,
    a_form_of_many_fields,
    a_body_that_never_ends,
    invented_methods,
    bytes_that_are_no_text,
    wrong_passwords,
    guesses,
)


@contextmanager
def attacking(service: Service) -> Iterator[Attacker]:
    """An attacker at work, beside whatever is done inside."""
    attacker = Attacker(service)
    at_work = threading.Thread(target=attacker.run, name="attacker")
    at_work.start()
    try:
        yield attacker
    finally:
        attacker.end(at_work)
