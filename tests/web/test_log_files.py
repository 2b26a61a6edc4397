"""The public log at its addresses, exactly as C2SP tlog-tiles says; and its proofs beside a verification."""

from __future__ import annotations

import gzip
from typing import Any

import pytest
from sanic import Sanic

from server.domain.certificates import revocation
from server.domain.ports import Services
from server.domain.public_log import sequencer
from server.domain.public_log.inclusion import read_proof
from server.domain.public_log.log_entry import certificate_hash
from server.domain.public_log.tile_layout import CHECKPOINT, unbundle
from server.models import Certificate
from tests.kit import log_desk, make
from tests.kit.fakes import MemoryFileStore
from tests.kit.log_auditor import Auditor, auditor

App = Sanic[Any, Any]


async def get(app: App, path: str, **headers: str) -> Any:
    _, response = await app.asgi_client.get(path, headers={"accept": "application/json"} | headers)
    return response


async def test_before_the_first_checkpoint_there_is_nothing(app: App) -> None:
    for path in ("/log/checkpoint", "/log/tile/0/000.p/1", "/log/tile/entries/000.p/1"):
        assert (await get(app, path)).status == 404


async def test_everything_that_the_specification_names_is_served(app: App, services: Services) -> None:
    await log_desk.logged(services, 0, 300)
    head = await get(app, "/log/checkpoint")
    assert (head.status, head.headers["content-type"]) == (200, "text/plain; charset=utf-8")
    assert head.headers["cache-control"] == "public, max-age=5"
    again = await get(app, "/log/checkpoint", **{"if-none-match": head.headers["etag"]})
    assert (again.status, again.body) == (304, b"")

    files = {"checkpoint": head.body}
    for path in ("0/000", "0/001.p/44", "1/000.p/1", "entries/000", "entries/001.p/44"):
        response = await get(app, f"/log/tile/{path}")
        assert (response.status, response.headers["content-type"]) == (200, "application/octet-stream")
        assert response.headers["access-control-allow-origin"] == "*"
        lasts = "max-age=3600" if ".p/" in path else "max-age=31536000, immutable"
        assert response.headers["cache-control"] == f"public, {lasts}"
        files[f"tile/{path}"] = response.body
    assert len(files["tile/0/000"]) == 8192
    look = await auditor(services, files)
    assert look.look(whole=True) == 300

    assert isinstance(services.file_store, MemoryFileStore)
    services.file_store.files[CHECKPOINT] = b"not to be read now"  # what was covered once is covered for ever
    assert (await get(app, "/log/tile/0/001.p/44")).body == files["tile/0/001.p/44"]
    assert (await get(app, "/log/tile/0/001.p/45")).status == 404

    _, packed = await app.asgi_client.get("/log/tile/entries/000", headers={"accept-encoding": "gzip"})
    data = packed.body if packed.body[:2] != b"\x1f\x8b" else gzip.decompress(packed.body)
    assert unbundle(data) == unbundle(files["tile/entries/000"])


async def test_who_wants_to_follow_it_finds_name_address_and_keys(app: App, services: Services) -> None:
    assert (await get(app, "/.well-known/xcert-keys.json")).json["log"] is None
    await log_desk.logged(services, 0, 3)
    said = (await get(app, "/.well-known/xcert-keys.json")).json["log"]
    assert (said["origin"], said["url"]) == ("127.0.0.1:8000/log", "http://127.0.0.1:8000/log")
    look = Auditor(log_desk.files(services), said["keys"])
    assert look.look() == 3
    await services.file_store.put("log/checkpoint", b"rubbish")
    assert (await get(app, "/.well-known/xcert-keys.json")).json["log"] is None


@pytest.mark.parametrize(
    "path",
    ["0/002", "0/001", "0/001.p/45", "1/000", "1/000.p/2", "2/000.p/1", "entries/001", "0/x000/000", "0/0", "0/000.p/256",
     "checkpoint", "0/%2e%2e/000", "0/000/", "0/" + "x000/" * 400 + "000", "9/000",
     "0/000.p/300", "-1/000", "%00/000"],
)  # fmt: skip
async def test_what_the_checkpoint_does_not_cover_is_not_there(
    app: App, services: Services, path: str
) -> None:
    await log_desk.logged(services, 0, 300)
    response = await get(app, f"/log/tile/{path}")
    assert response.status in (400, 404)


async def test_tiles_ahead_of_the_checkpoint_are_not_served(app: App, services: Services) -> None:
    """What nobody signed may yet be otherwise."""
    await log_desk.logged(services, 0, 10)
    await services.file_store.put("log/tile/0/000", bytes(8192))
    ahead = await get(app, "/log/tile/0/000")
    assert (ahead.status, ahead.json["code"]) == (404, "tile_not_found")


async def test_a_verification_offers_the_proof(
    app: App, services: Services, certificate: Certificate
) -> None:
    before = (await get(app, f"/v/{certificate.code}")).json
    assert (before["is_valid"], before["log"]) == (True, [])
    page = (await get(app, f"/v/{certificate.code}", accept="text/html")).text
    assert "尚未载入公开签发日志" in page
    await log_desk.put(0, 6)
    await sequencer.run(services)
    [said] = (await get(app, f"/v/{certificate.code}")).json["log"]
    proof = read_proof(said["tlog_proof"].encode())
    assert proof.holds and (said["index"], said["tree_size"]) == (proof.index, proof.checkpoint.size)
    assert proof.entry.certificate == certificate_hash(certificate.code).hex()
    page = (await get(app, f"/v/{certificate.code}", accept="text/html")).text
    assert f"发放已载入公开签发日志，第 {proof.index + 1} 条" in page
    file = await get(app, f"/v/{certificate.code}/issued.tlog-proof")
    assert (file.status, file.text) == (200, said["tlog_proof"])
    assert f'filename="{certificate.number}-issued.tlog-proof"' in file.headers["content-disposition"]
    assert (await get(app, f"/v/{certificate.code}/revoked.tlog-proof")).json["code"] == "not_logged"
    forged = await get(app, f"/v/{certificate.code[:-1]}/issued.tlog-proof")
    assert (forged.status, forged.json["code"]) == (404, "code_invalid")

    await revocation.revoke(
        services.clock, services.faults, certificate.number, "信息有误", actor=make.ISSUER_STAFF
    )
    await sequencer.run(services)
    assert [one["event"] for one in (await get(app, f"/v/{certificate.code}")).json["log"]] == [
        "issued",
        "revoked",
    ]
    assert (await get(app, f"/v/{certificate.code}/revoked.tlog-proof")).status == 200


async def test_who_asks_by_number_and_name_is_not_given_the_code(
    app: App, services: Services, certificate: Certificate
) -> None:
    await sequencer.run(services)
    data = {"number": certificate.number, "name": "欧阳慧敏"}
    _, response = await app.asgi_client.post(
        "/v", data=data, headers={"accept": "text/html"}, follow_redirects=True
    )
    assert "已载入公开签发日志" in response.text
    assert certificate.code not in response.text


async def test_a_log_that_cannot_be_read_takes_nothing_from_a_verification(
    app: App, services: Services, certificate: Certificate
) -> None:
    await sequencer.run(services)
    await services.file_store.put("log/checkpoint", b"rubbish")
    answer = await get(app, f"/v/{certificate.code}")
    assert (answer.status, answer.json["is_valid"], answer.json["log"]) == (200, True, [])
