"""The timeline as a HAR 1.2 file, which browsers and debuggers open; everything secret in it is taken out."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from http import HTTPStatus
from typing import Any
from urllib.parse import urlencode, urlsplit

from server.sandbox import limits
from server.sandbox.platform import Platform
from server.sandbox.timeline import SECRET_NAMES

HIDDEN = "（已隐去）"
# Beside what the timeline shortens: what could be used to pay, to recognise somebody or to guess at a key.
MORE_SECRET_NAMES = {
    "apiv3_key", "authorization", "bank_account", "ciphertext", "code_url", "download_url", "encoding_aes_key",
    "encrypteddata", "jsapi_ticket", "msg_signature", "paysign", "prepay_id", "real_name", "rawdata",
    "session_key", "sign", "signature",
}  # fmt: skip
_SHORTENED = re.compile(r"\S{4}…\S{2}（\d+ 位）")
_NAMES = SECRET_NAMES | MORE_SECRET_NAMES
# Stores whose keys or values are secrets of their own, wherever they may stand.
_KEYS = ("token", "code")
_VALUES = (("session", "session_key"), ("ticket", "ticket"))


def export(platform: Platform, rows: Iterable[dict[str, Any]]) -> str:
    """The text of the file, of rows as the timeline gives them; if they are too many, the oldest are left out."""
    entries: list[dict[str, Any]] = []
    size, left_out = 0, 0
    known = _known_secrets(platform)
    for row in reversed(list(rows)):
        entry = _entry(platform, row, known)
        size += len(json.dumps(entry, ensure_ascii=False))
        if size > limits.HAR_CHARACTERS:
            left_out += 1
        else:
            entries.append(entry)
    log: dict[str, Any] = {
        "version": "1.2",
        "creator": {"name": "微信沙箱", "version": "1"},
        "pages": [],
        "entries": entries[::-1],
    }
    if left_out:
        log["comment"] = f"文件太大，最早的 {left_out} 条没有导出"
    return json.dumps({"log": log}, ensure_ascii=False, indent=1)


def _known_secrets(platform: Platform) -> list[str]:
    """Every secret of this sandbox that could stand in a text without its name; the longest first."""
    found = {value for a in platform.config.accounts for value in (a.secret, a.token, a.aes_key)}
    if (merchant := platform.config.merchant) is not None:
        found.add(merchant.apiv3_key)
    for kind in _KEYS:
        found |= set(platform.store.all(kind))
    for kind, name in _VALUES:
        found |= {str(body.get(name, "")) for body in platform.store.all(kind).values()}
    return sorted((one for one in found if len(one) > 5), key=len, reverse=True)


class _Cleaner:
    """Takes out secrets by their names, by the timeline's mark, and by what they are."""

    def __init__(self, known: list[str]) -> None:
        self._known = known

    def text(self, text: str) -> str:
        text = _SHORTENED.sub(HIDDEN, text)
        for secret in self._known:
            if secret in text:
                text = text.replace(secret, HIDDEN)
        return text

    def value(self, value: Any, name: str = "") -> Any:
        if isinstance(value, dict):
            return {str(key): self.value(inner, str(key).lower()) for key, inner in value.items()}
        if isinstance(value, list):
            return [self.value(inner, name) for inner in value]
        if name in _NAMES and value not in (None, ""):
            return HIDDEN
        return self.text(value) if isinstance(value, str) else value

    def body(self, value: Any) -> str:
        """What was said, as the text of a body."""
        if value is None:
            return ""
        if isinstance(value, str):
            try:
                return json.dumps(self.value(json.loads(value)), ensure_ascii=False)
            except ValueError:
                return self.text(value)
        return json.dumps(self.value(value), ensure_ascii=False)


def _entry(platform: Platform, row: dict[str, Any], known: list[str]) -> dict[str, Any]:
    clean = _Cleaner(known)
    took = float(row.get("ms") or 0)
    entry = {
        "startedDateTime": row["at"],
        "time": took,
        "request": _request(platform, row, clean),
        "response": _response(row, clean),
        "cache": {},
        "timings": {"send": 0, "wait": took, "receive": 0},
        "comment": clean.text(str(row["verdict"])),
        "_direction": row["direction"],
        "_what": clean.text(row["what"]),
        "_ok": row["ok"],
    }
    if person := row.get("person"):
        entry["_person"] = person
    return entry


def _request(platform: Platform, row: dict[str, Any], clean: _Cleaner) -> dict[str, Any]:
    """An act of a person has no address of its own: it stands as one of the phone."""
    method, _, address = row["what"].partition(" ")
    if method.isascii() and method.isupper() and address:
        origin = "" if urlsplit(address).scheme else platform.own_url
        url = origin + address
    else:
        method, url = "POST", f"{platform.own_url}/phone"
    query = clean.value(_flat(row.get("query")))
    if query:
        url += ("&" if "?" in url else "?") + urlencode(query)
    request: dict[str, Any] = {
        "method": method,
        "url": clean.text(url),
        "httpVersion": "HTTP/1.1",
        "cookies": [],
        "headers": [],
        "queryString": [{"name": name, "value": value} for name, value in query.items()],
        "headersSize": -1,
        "bodySize": -1,
    }
    said = row.get("request") if row.get("request") is not None else row.get("message")
    if said is not None:
        text = clean.body(said)
        request["postData"] = {"mimeType": _kind(text), "text": text}
    return request


def _flat(query: Any) -> dict[str, str]:
    """One text for each name, from what Sanic and what pushes hold."""
    pairs = query.items() if isinstance(query, dict) else ()
    return {
        str(name): ",".join(map(str, value)) if isinstance(value, list) else str(value)
        for name, value in pairs
    }


def _response(row: dict[str, Any], clean: _Cleaner) -> dict[str, Any]:
    said = row.get("response") if row.get("response") is not None else row.get("answer")
    status = int(row.get("status") or (HTTPStatus.OK if said is not None else 0))
    text = clean.body(said)
    return {
        "status": status,
        "statusText": HTTPStatus(status).phrase if status in HTTPStatus._value2member_map_ else "",
        "httpVersion": "HTTP/1.1",
        "cookies": [],
        "headers": [],
        "content": {"size": len(text.encode()), "mimeType": _kind(text), "text": text},
        "redirectURL": "",
        "headersSize": -1,
        "bodySize": -1,
    }


def _kind(text: str) -> str:
    if text.startswith(("{", "[")):
        return "application/json; charset=utf-8"
    return "text/xml; charset=utf-8" if text.startswith("<xml") else "text/plain; charset=utf-8"
