#!/usr/bin/env python3
"""The vectors themselves, made by `independent.py`: what is accepted, and what has to be refused and why.

python make_vectors.py            write them anew
python make_vectors.py --check    exit 1 unless they are what would be written
"""

from __future__ import annotations

import base64
import hashlib
import json
import sys
from pathlib import Path
from typing import Any

import independent as it  # type: ignore[import-not-found]

HERE = Path(__file__).parent
FORM = it.Form(json.loads((HERE / "form.json").read_text("utf-8")))
ORIGIN = "https://cert.example.cn"
CREATED = "2026-11-27T04:00:00Z"
DID = "did:web:cert.example.cn"
SALTS = ["000102030405060708090a0b0c0d0e0f", "f0e1d2c3b4a5968778695a4b3c2d1e0f"]
NUMBERS = ["990101200001010014", "99010120000101003X"]
Json = dict[str, Any]


def claims(form: str) -> list[Json]:
    """Two people: one with common characters, one with rare ones and a middle dot."""
    shared = {
        "plan": "2023年9月22日社会心理服务证书考试计划",
        "exam_date": "2023-09-22",
        "certificate": "社会心理服务职业技能等级证书",
        "outcome": "passed",
        "standard": "2021年3.0版",
        "issuer": "北京中文在线教育科技发展有限公司",
        "school": "京华职业技术学院",
        "issued_on": "2026-11-23",
    }
    people = [("23SPS100000001", "崔子涵", "primary"), ("26SPS200000042", "买买提·艾力䶮𠮷", "intermediate")]
    out = []
    for at, (body, name, level) in enumerate(people):
        hashed = it.id_hash(SALTS[at], NUMBERS[at]) if form == "2" else "0123456789abcdef" * 2
        one = {"number": body + it.check_character(body), "name": name, "level": level, "id_hash": hashed}
        out.append(one | shared | ({"form": "2"} if form == "2" else {}))
    return out


def line(one: Json) -> Json:
    return {name: value for name, value in one.items() if name != "issued_on"}


def codes() -> Json:
    accepted = [
        {"code": it.make_code(FORM, one), "packed": it.pack(FORM, one).hex(), "claims": one}
        for form in ("1", "2")
        for one in claims(form)
    ]
    good = accepted[2]["code"]
    body = bytes([3, 1]) + it.pack(FORM, claims("2")[0])
    longer = bytes([2, 1]) + it.pack(FORM, claims("2")[0]) + b"\0"
    crossed = bytes([1]) + int(good).to_bytes((int(good).bit_length() + 7) // 8, "big")[1:]
    sign = it.private("certificate").sign
    return {
        "accepted": accepted,
        "refused": [
            {"why": "one digit changed", "code": good[:-1] + str((int(good[-1]) + 1) % 10)},
            {"why": "a leading zero", "code": "0" + good},
            {"why": "no digits", "code": "12a"},
            {"why": "empty", "code": ""},
            {
                "why": "full-width digits",
                "code": good.translate(str.maketrans("0123456789", "０１２３４５６７８９")),
            },
            {
                "why": "signed, yet a form that does not exist",
                "code": str(int.from_bytes(body + sign(body), "big")),
            },
            {
                "why": "signed, yet not the one packed form",
                "code": str(int.from_bytes(longer + sign(longer), "big")),
            },
            {"why": "form 2 called form 1", "code": str(int.from_bytes(crossed, "big"))},
            {"why": "more than 1,000 digits", "code": "1" * 1001},
        ],
    }


def rosters() -> Json:
    first, second = [line(one) for one in claims("1")], [line(one) for one in claims("2")]
    mixed = [first[0], second[1]]
    accepted = [
        {
            "lines": lines,
            "canonical": it.roster(lines).decode(),
            "sha256": hashlib.sha256(it.roster(lines)).hexdigest(),
        }
        for lines in (first, second, mixed)
    ]
    one = second[0]
    return {
        "accepted": accepted,
        "id_hashes": [
            {"salt": salt, "id_number": number, "id_hash": it.id_hash(salt, number)}
            for salt, number in zip(SALTS, NUMBERS, strict=True)
        ],
        "refused": [
            {"why": "form 1 names itself", "lines": [first[0] | {"form": "1"}]},
            {"why": "a form that does not exist", "lines": [one | {"form": "3"}]},
            {"why": "a field too many", "lines": [one | {"extra": "1"}]},
            {"why": "a field is missing", "lines": [{k: v for k, v in one.items() if k != "school"}]},
            {"why": "a value that is no text", "lines": [one | {"name": 1}]},
            {"why": "a wrong check character", "lines": [one | {"number": one["number"][:-1] + "A"}]},
            {"why": "not passed", "lines": [one | {"outcome": "failed"}]},
        ],
    }


def receipts() -> Json:
    said: Json = {
        "format": "xcert-receipt-2",
        "action": "confirm_scan",
        "issuance": 7,
        "revision": 2,
        "list_sha256": rosters()["accepted"][1]["sha256"],
        "count": 2,
        "plan": "2023年9月22日社会心理服务证书考试计划",
        "level": "初级",
        "officer": 3,
        "officer_name": "王签发",
        "school": 5,
        "school_name": "京华职业技术学院",
        "ticket": "00000000000000ff",
        "at": "2026-11-23T12:00:00.000+08:00",
        "reason": "",
        "certificate": "社会心理服务职业技能等级证书",
        "issuer": "北京中文在线教育科技发展有限公司",
        "issuer_signer": "王敏",
        "site": "京华职业技术学院（初级）",
        "exam_date": "2023-09-22",
    }
    later = ("certificate", "issuer", "issuer_signer", "site", "exam_date")
    first = {k: v for k, v in said.items() if k not in later} | {"format": "xcert-receipt-1"}
    good = it.make_receipt(said).decode()
    odd = it.make_receipt(said | {"format": "xcert-receipt-9"}).decode()
    return {
        "accepted": [
            {"document": it.make_receipt(first).decode(), "said": first},
            {"document": good, "said": said},
            {"document": json.dumps(json.loads(good), ensure_ascii=False, indent=1) + "\n", "said": said},
        ],
        "refused": [
            {"why": "the count changed", "document": good.replace('"count":2', '"count":3')},
            {"why": "a name stands twice", "document": good.replace('"count":2', '"count":2,"count":2')},
            {"why": "no proof", "document": it.jcs(said).decode()},
            {"why": "signed, yet a form that does not exist", "document": odd},
            {"why": "the reason added", "document": good.replace('"reason":""', '"reason":"x"')},
            {"why": "no JSON", "document": good[:-1]},
        ],
    }


def credentials() -> Json:
    one, key = claims("2")[0], it.private("credential")
    whole = it.credential(ORIGIN, one, it.make_code(FORM, one), 131_072 + 5)
    secured = it.prove(key, whole, f"{DID}#credential-1", CREATED)
    changed = {
        **secured,
        "credentialSubject": {**secured["credentialSubject"], "licenseNumber": "26SPS100000002A"},
    }
    proof = secured["proof"]
    return {
        "origin": ORIGIN,
        "status_index": 131_072 + 5,
        "claims": one,
        "did": {
            "@context": ["https://www.w3.org/ns/did/v1", "https://w3id.org/security/multikey/v1"],
            "id": DID,
            "verificationMethod": [
                {
                    "id": f"{DID}#credential-1",
                    "type": "Multikey",
                    "controller": DID,
                    "publicKeyMultibase": it.base58(b"\xed\x01" + it.raw("credential")),
                }
            ],
            "assertionMethod": [f"{DID}#credential-1"],
        },
        "accepted": [secured],
        "status_lists": [_list(key, "revocation", [0, 5, 131_071]), _list(key, "refresh", [])],
        "status_places": {"revocation": [0, 5, 131_071], "refresh": []},
        "refused": [
            {"why": "the number changed", "document": changed},
            {
                "why": "valid longer than signed",
                "document": {**secured, "validUntil": "2099-01-01T00:00:00Z"},
            },
            {
                "why": "the proof's time changed",
                "document": {**secured, "proof": proof | {"created": "2027-01-01T00:00:00Z"}},
            },
            {
                "why": "another purpose",
                "document": {**secured, "proof": proof | {"proofPurpose": "authentication"}},
            },
            {
                "why": "another suite",
                "document": {**secured, "proof": proof | {"cryptosuite": "eddsa-rdfc-2022"}},
            },
            {"why": "another issuer", "document": {**secured, "issuer": "did:web:other.example"}},
            {
                "why": "contexts differ",
                "document": {
                    **secured,
                    "proof": proof | {"@context": ["https://www.w3.org/ns/credentials/v2"]},
                },
            },
            {"why": "no proof", "document": whole},
        ],
    }


def _list(key: Any, purpose: str, places: list[int]) -> Json:
    address = f"{ORIGIN}/status/{purpose}/1"
    whole = {
        "@context": ["https://www.w3.org/ns/credentials/v2"],
        "id": address,
        "type": ["VerifiableCredential", "BitstringStatusListCredential"],
        "issuer": DID,
        "validFrom": CREATED,
        "validUntil": "2026-11-28T04:00:00Z",
        "credentialSubject": {
            "id": f"{address}#list",
            "type": "BitstringStatusList",
            "statusPurpose": purpose,
            "encodedList": it.encoded_list(places),
        },
    }
    secured: Json = it.prove(key, whole, f"{DID}#credential-1", CREATED)
    return secured


def keys() -> Json:
    return {
        "note": "The private keys are public, for these vectors alone: the purpose's name filled up with dots to 32 bytes.",
        "keys": [
            {
                "key_id": f"{purpose}-1",
                "purpose": purpose,
                "epoch": 1,
                "algorithm": "Ed25519",
                "public_key": base64.urlsafe_b64encode(it.raw(purpose)).decode().rstrip("="),
                "sha256": hashlib.sha256(it.raw(purpose)).hexdigest(),
                "is_current": True,
                "from": None,
                "until": None,
                "retired_at": None,
                "reason": None,
                "certificates": None,
            }
            for purpose in ("certificate", "credential", "receipt")
        ],
        "check_characters": {
            body: it.check_character(body) for body in ("23SPS100000001", "26SPS399999999", "A1B2C3")
        },
    }


def _settled(vectors: Json) -> Json:
    """Without what depends on the version of zlib: how a list is compressed, and the proof over that."""
    lists = [
        {"proof": None, "subject": one["credentialSubject"] | {"encodedList": None}, "bits": it.places(one)}
        for one in vectors.get("status_lists", [])
    ]
    return {**vectors, "status_lists": lists}


FILES = {
    "keys.json": keys,
    "codes.json": codes,
    "rosters.json": rosters,
    "receipts.json": receipts,
    "credentials.json": credentials,
}


def main(arguments: list[str]) -> int:
    stale = 0
    for name, made in FILES.items():
        vectors = made()
        if arguments == ["--check"]:
            stale += _settled(json.loads((HERE / name).read_text("utf-8"))) != _settled(vectors)
        else:
            (HERE / name).write_text(json.dumps(vectors, ensure_ascii=False, indent=1) + "\n", "utf-8")
    return 1 if stale else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
