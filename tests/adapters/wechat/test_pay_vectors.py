"""Known answers of WeChat Pay's cryptography and files, each with its source in tests/fixtures/vectors."""

from __future__ import annotations

import gzip
import hashlib
import hmac
import json
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding, load_pem_public_key

from server.adapters.wechat import pay_bills
from server.adapters.wechat.pay import WeChatPay
from server.adapters.wechat.pay_certificates import pay_certificates
from server.adapters.wechat.pay_signing import PlatformKeys, is_signed_by, lines, open_sealed, serial_of
from server.errors import OutsideFailure, Refused, Unverified
from server.settings import Settings
from tests.kit.fakes import FakeClock
from tests.kit.pay_platform import AUTHORIZATION, PayPlatform
from tests.kit.vectors import vector


@pytest.fixture(scope="module")
def pay_platform(tmp_path_factory: pytest.TempPathFactory) -> PayPlatform:
    return PayPlatform.invent(tmp_path_factory.mktemp("pay"))


def key(pem: str) -> Any:
    return load_pem_public_key(pem.encode())


def at(unix: int) -> datetime:
    return datetime.fromtimestamp(unix, UTC)


def test_request_signature() -> None:
    of = vector("payv3_request_signature")
    said = lines(of["method"], of["url_path"], of["timestamp"], of["nonce_str"], of["body"])
    assert said.decode() == of["string_to_sign"]
    assert is_signed_by(key(of["public_key_pem"]), said, of["expected_signature"])
    assert not is_signed_by(key(of["public_key_pem"]), said + b"\n", of["expected_signature"])
    get = of["get_case"]
    asked = lines("GET", "/v3/refund/domestic/refunds/123123123123", of["timestamp"], of["nonce_str"], b"")
    assert asked.decode() == get["string_to_sign"]
    assert is_signed_by(key(of["public_key_pem"]), asked, get["computed_signature"])


def test_request_signature_of_wechatpy() -> None:
    of = vector("payv3_request_signature_wechatpy")
    said = lines(of["method"], of["url"], of["timestamp"], of["nonce_str"], of["body"])
    assert said.decode() == of["string_to_sign"]
    assert is_signed_by(key(of["public_key_pem"]), said, of["expected_signature"])
    assert not is_signed_by(key(of["public_key_pem"]), of["candidates"][1].encode(), of["expected_signature"])


def test_our_request_signature_is_of_the_published_form(
    pay_platform: PayPlatform, settings: Settings
) -> None:
    """The vector's request signed with our key: the openssl command takes it, over the string of the documentation."""
    of = vector("payv3_request_signature")
    merchant = WeChatPay(pay_platform.settings(settings), FakeClock())._merchant
    header = merchant.authorization(
        "POST", of["url_path"], of["body"].encode(), stamp=int(of["timestamp"]), nonce=of["nonce_str"]
    )
    found = AUTHORIZATION.fullmatch(header)
    assert found is not None
    assert pay_platform.is_merchants(of["string_to_sign"].encode(), found[5])
    assert not pay_platform.is_merchants(of["string_to_sign"].encode() + b" ", found[5])


def test_pay_sign(pay_platform: PayPlatform, settings: Settings) -> None:
    of = vector("payv3_paysign")
    said = lines(of["appid"], of["timestamp"], of["nonce_str"], f"prepay_id={of['prepay_id']}")
    assert said.decode() == of["jsapi"]["string_to_sign"]
    assert is_signed_by(key(of["public_key_pem"]), said, of["jsapi"]["expected"])
    assert not is_signed_by(key(of["public_key_pem"]), said, of["app"]["expected"])
    ours = WeChatPay(pay_platform.settings(settings, oa_appid=of["appid"]), FakeClock())
    made = ours._pay_parameters(of["prepay_id"], "getBrandWCPayRequest", of["timestamp"], of["nonce_str"])
    assert pay_platform.is_merchants(of["jsapi"]["string_to_sign"].encode(), made["paySign"])


def test_answer_signed_with_the_public_key() -> None:
    of = vector("payv3_response_signature_pubkey")
    keys = PlatformKeys("PUB_KEY_ID_0114232134912410000000000000", of["wechatpay_public_key_pem"])
    headers = {name.lower(): value for name, value in of["headers"].items()}
    headers["wechatpay-serial"] = "PUB_KEY_ID_0114232134912410000000000000"
    stamp = int(headers["wechatpay-timestamp"])
    assert lines(str(stamp), headers["wechatpay-nonce"], of["body"]).decode() == of["string_to_verify"]
    for late in (-299, 0, 299):
        keys.verify(headers, of["body"].encode(), at(stamp + late))
    for change, late, code in (
        ({}, 300, "pay_window"),
        ({}, -300, "pay_window"),
        ({"wechatpay-serial": "PUB_KEY_ID_other"}, 0, "pay_serial"),
        ({"wechatpay-nonce": "d824f2e086d3c1df967785d13fcd22ee"}, 0, "pay_signature"),
    ):
        with pytest.raises(Unverified) as refused:
            keys.verify(headers | change, of["body"].encode(), at(stamp + late))
        assert refused.value.code == code
    with pytest.raises(Unverified, match="签名不正确"):
        keys.verify(headers, of["body"].replace("pr=J", "pr=j").encode(), at(stamp))


def notified(settings: Settings, **more: str) -> WeChatPay:
    of = vector("payv3_notification_go")
    pay = {
        "pay_mchid": "1234567890",
        "pay_mch_serial": "00",
        "pay_apiv3_key": of["apiv3_key"],
        "pay_certificates": of["platform_certificate_pem"],
    }
    return WeChatPay(
        Settings(pay_mch_key=settings.pay_mch_key, **(pay | more)),
        FakeClock(at(of["clock"])),
    )


def test_notification_of_the_official_sdk(pay_platform: PayPlatform, settings: Settings) -> None:
    """Headers, platform certificate, sealed resource; its test key has 16 bytes, ours must have 32 (settings)."""
    of = vector("payv3_notification_go")
    ours = pay_platform.settings(settings)
    envelope = json.loads(of["raw_body"])
    assert open_sealed(of["apiv3_key"], envelope["resource"]).decode() == of["expected_resource_plaintext"]
    opened = notified(ours).open_notification(of["headers"], of["raw_body"].encode())
    assert (opened.id, opened.event, opened.transaction, opened.refund) == (
        "3119dfba-e649-5eec-ab1e-3412bc4d2e17",
        "PAYSCORE.USER_OPEN_SERVICE",
        None,
        None,
    )
    assert opened.created_at == datetime.fromisoformat("2021-06-24T16:37:26+08:00")
    for change, headers, body, code in (
        ({"pay_mchid": "1234567891"}, {}, of["raw_body"], "pay_not_ours"),
        ({"pay_apiv3_key": "testMchAPIv3Key1"}, {}, of["raw_body"], "pay_undecryptable"),
        ({}, {"Wechatpay-Serial": "D7CE59D1F522D702"}, of["raw_body"], "pay_serial"),
        ({}, {}, of["raw_body"].replace("签约成功", "签约成攻"), "pay_signature"),
    ):
        with pytest.raises(Refused) as refused:
            notified(ours, **change).open_notification(of["headers"] | headers, body.encode())
        assert refused.value.code == code


def test_what_was_queued_before_the_key_was_changed_is_opened_with_the_old_one(
    pay_platform: PayPlatform, settings: Settings
) -> None:
    of = vector("payv3_notification_go")
    ours, today = pay_platform.settings(settings), {"pay_apiv3_key": "testMchAPIv3Key1"}
    old = {"pay_previous_apiv3_key": of["apiv3_key"]}
    opened = notified(ours, **today, **old).open_notification(of["headers"], of["raw_body"].encode())
    assert opened.event == "PAYSCORE.USER_OPEN_SERVICE"
    with pytest.raises(Refused) as refused:
        notified(ours, **today, pay_previous_apiv3_key="x" * 32).open_notification(
            of["headers"], of["raw_body"].encode()
        )
    assert refused.value.code == "pay_undecryptable"


@pytest.mark.parametrize("case", vector("payv3_rsa_verify")["cases"], ids=lambda case: str(case["expect"]))
def test_rsa_verify(case: dict[str, Any]) -> None:
    if "certificate_pem" in case:
        certificate = x509.load_pem_x509_certificate(case["certificate_pem"].encode())
        assert case.get("serial") in (None, serial_of(certificate))
        public: Any = certificate.public_key()
    else:
        public = key(case["public_key_pem"])
    assert is_signed_by(public, case["message"].encode(), case["signature"]) is case["expect"]
    assert not is_signed_by(public, case["message"].encode(), "WECHATPAY/SIGNTEST/" + case["signature"][19:])


def test_aes_gcm() -> None:
    of = vector("payv3_aes_gcm")

    def resource(case: dict[str, Any]) -> dict[str, str]:
        return {
            "algorithm": "AEAD_AES_256_GCM",
            "nonce": case["nonce"],
            "associated_data": case["aad"],
            "ciphertext": case["ciphertext"],
        }

    for case in of["cases"]:
        assert open_sealed(case["key"], resource(case)).decode() == case["plaintext"]
    wrong = [{**of["cases"][n["base_case"]], **n["change"]} for n in of["negative"]]
    wrong.append({**of["cases"][0], "key": "a7cde1ZJB1kG2e7VfTs3jQzaWizur8Gc"})
    for case in wrong:
        with pytest.raises(Refused, match="WECHAT_PAY_APIV3_KEY"):
            open_sealed(case["key"], resource(case))
    with pytest.raises(Refused):
        open_sealed(of["cases"][0]["key"], resource(of["cases"][0]) | {"algorithm": "AEAD_SM4_GCM"})


def test_certificates_answer() -> None:
    for case in vector("payv3_certificates_response")["cases"]:
        body = json.dumps(case["response"]).encode()
        (certificate,) = pay_certificates(case["apiv3_key"], body)
        assert (
            certificate.public_bytes(Encoding.PEM).decode()
            == case["expected_certificate_pem"].rstrip("\n") + "\n"
        )
        assert serial_of(certificate) == case["expected_serial"]
        assert certificate.not_valid_after_utc == datetime.fromisoformat(case["not_after"])
        with pytest.raises(Refused, match="无法解密"):
            pay_certificates(case["apiv3_key"][::-1], body)
        listed = case["response"]["data"][0]
        with pytest.raises(OutsideFailure, match="无法读取"):
            other = {"data": [{**listed, "serial_no": "1" + listed["serial_no"]}]}
            pay_certificates(case["apiv3_key"], json.dumps(other).encode())


def test_platform_certificates_are_known_by_serial_until_they_expire() -> None:
    platform, merchant, public = vector("payv3_test_certificates")["certificates"]
    keys = PlatformKeys(certificates_pem=platform["pem"] + "\n" + merchant["pem"])
    ends = {one["serial"]: datetime.fromisoformat(one["not_after"]) for one in (platform, merchant)}
    assert keys.ends() == ends
    valid = datetime(2024, 1, 1, tzinfo=UTC)
    assert public["same_key_as_certificate"]
    assert keys.get(platform["serial"].lower(), valid) == key(public["public_key_pem"])
    assert keys.get(merchant["serial"], valid) != key(public["public_key_pem"])
    assert keys.get(platform["serial"], ends[platform["serial"]]) is None
    assert keys.get("PUB_KEY_ID_" + platform["serial"], valid) is None


def test_trade_bill() -> None:
    of = vector("payv3_tradebill_csv")
    file = of["csv"].encode("utf-8-sig")
    assert pay_bills.unpacked(gzip.compress(file), of["sha1_of_file"]) == file
    bill = pay_bills.read(file, date(2019, 2, 19))
    s = bill.summary
    names = dict(zip(of["summary_columns"], of["summary"], strict=True))
    assert len(bill.rows) == s.rows == of["detail_rows"] == 45
    found = {
        "应结订单总金额": (s.settlement_fen, sum(row.settlement_fen for row in bill.rows)),
        "退款总金额": (s.refund_fen, sum(row.refund_fen for row in bill.rows)),
        "充值券退款总金额": (s.coupon_refund_fen, sum(row.coupon_refund_fen for row in bill.rows)),
        "订单总金额": (s.order_fen, sum(row.order_fen for row in bill.rows)),
        "申请退款总金额": (s.requested_refund_fen, sum(row.requested_refund_fen for row in bill.rows)),
    }
    assert found == {name: (int(Decimal(names[name]) * 100),) * 2 for name in found}
    assert s.fee_yuan == sum(row.fee_yuan for row in bill.rows) == Decimal(names["手续费总金额"])
    first = bill.rows[0]
    assert first.traded_at == datetime.fromisoformat("2019-02-19T05:01:46+08:00")
    assert (first.out_trade_no, first.out_refund_no, first.refund_fen, first.order_fen) == (
        "autotest_20190216081946_82335",
        "REF4200000263201902167700963919",
        1,
        0,
    )
    paid = bill.rows[2]
    assert (paid.state, paid.refund_id, paid.out_refund_no, paid.order_fen) == ("SUCCESS", "", "", 3)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("`0.03,", "`0.035,"),  # not a whole number of fen
        ("`0.03,", "`,"),
        ("`45.0,", "`46.0,"),
        ("订单金额,申请", "订单全额,申请"),
        ("`CNY,", "`CNY`,`x,"),
        ("总交易单数", "`总交易单数"),
        ("2019-02-19 05:01:46", "昨天"),
    ],
)
def test_a_bill_of_another_shape_is_not_believed(old: str, new: str) -> None:
    of = vector("payv3_tradebill_csv")
    assert old in of["csv"]
    with pytest.raises(OutsideFailure, match="账单无法读取"):
        pay_bills.read(of["csv"].replace(old, new).encode(), date(2019, 2, 19))


def test_a_bill_by_column_name_with_commas_in_cells() -> None:
    """Columns in another order, no byte-order mark, a comma inside a cell."""
    of = vector("payv3_tradebill_csv")
    turned = []
    for line in of["csv"].splitlines()[:-2]:
        cells = line[1:].split(",`") if line.startswith("`") else line.split(",")
        turned.append(
            ",`".join(reversed(cells)).join(("`", "")) if line.startswith("`") else ",".join(reversed(cells))
        )
    text = "\n".join([*turned, *of["csv"].splitlines()[-2:]]).replace("`autotest,", "`考务费,2026年,")
    bill = pay_bills.read(text.encode(), date(2019, 2, 19))
    known = pay_bills.read(of["csv"].encode(), date(2019, 2, 19))
    assert [r.order_fen for r in bill.rows] == [r.order_fen for r in known.rows]
    assert {r.description for r in bill.rows} >= {"考务费,2026年"}


def test_a_damaged_download_is_refused() -> None:
    packed = gzip.compress(b"bill")
    sha1 = hashlib.sha1(b"bill").hexdigest()
    assert pay_bills.unpacked(packed, sha1.upper()) == b"bill"
    for data, said in ((packed, hashlib.sha1(packed).hexdigest()), (packed[:-9], sha1), (packed[:4], sha1)):
        with pytest.raises(OutsideFailure):
            pay_bills.unpacked(data, said)


def test_v2_signatures_of_old_material() -> None:
    """Nothing of ours signs or reads v2; the reference only holds what we would answer if asked how it was."""
    of = vector("payv2_sign_reference")
    text = of["string_sign_temp"].encode()
    secret = of["string_sign_temp"].rpartition("key=")[2].encode()
    assert hashlib.md5(text).hexdigest().upper() == of["md5"]
    assert hmac.new(secret, text, hashlib.sha256).hexdigest().upper() == of["hmac_sha256"]
