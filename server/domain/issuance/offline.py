"""核验一份文件 with public keys alone: a certificate's PDF, its credential, or a signing receipt. `xcert verify` prints what is found.

For a PDF three things must agree: the seal's signature, the claims in the code (signed by another key), and what is
printed. Whether a certificate was revoked since, only the service knows; the report says where to ask.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import date
from enum import Enum

from server.domain.beijing import say_day, say_minute
from server.domain.certificates import data_integrity, wallet_credentials
from server.domain.certificates.claims import Claims, Verifier, key_of_code, open_code
from server.domain.issuance import offline_proof, receipts
from server.domain.levels import Level
from server.domain.ports import SealedPdf, SealMark
from server.errors import Refused, Unverified

ReadPdf = Callable[[bytes], SealedPdf]


class Judgement(Enum):
    """How a finding counts."""

    RIGHT = "right"
    WRONG = "wrong"
    UNCLEAR = "unclear"  # it cannot be judged with what is at hand, such as a key newer than our list
    NOTE = "note"


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was found, in words."""

    judgement: Judgement
    text: str


class Fate(Enum):
    """Why a file is not to be trusted, where it can be told; the sentence ends every report."""

    CHANGED = "签名之后被改动过，请勿采信。"
    FOREIGN = "不是颁证机构签出的，请勿采信。"


@dataclass(frozen=True, slots=True)
class Report:
    """What was found, in the order in which a person reads it. `codes`: of the certificates that it genuinely names."""

    title: str
    findings: list[Finding] = field(default_factory=list)
    fates: list[Fate] = field(default_factory=list)
    codes: list[str] = field(default_factory=list)
    asked_at: list[str] = field(default_factory=list)  # where to ask whether it still holds

    def right(self, text: str) -> None:
        self.findings.append(Finding(Judgement.RIGHT, text))

    def wrong(self, text: str) -> None:
        self.findings.append(Finding(Judgement.WRONG, text))

    def changed(self, text: str) -> None:
        """Signed by us, and not as it was signed."""
        self.wrong(text)
        self.fates.append(Fate.CHANGED)

    def foreign(self, text: str) -> None:
        """Not signed by us."""
        self.wrong(text)
        self.fates.append(Fate.FOREIGN)

    def unclear(self, text: str) -> None:
        self.findings.append(Finding(Judgement.UNCLEAR, text))

    def note(self, text: str) -> None:
        self.findings.append(Finding(Judgement.NOTE, text))

    def _has(self, judgement: Judgement) -> bool:
        return any(one.judgement is judgement for one in self.findings)

    @property
    def is_genuine(self) -> bool:
        """Nothing at all was wrong or open."""
        return not self._has(Judgement.WRONG) and not self._has(Judgement.UNCLEAR)

    @property
    def is_open(self) -> bool:
        """Nothing was found wrong, but it cannot be judged."""
        return self._has(Judgement.UNCLEAR) and not self._has(Judgement.WRONG)

    @property
    def conclusion(self) -> str:
        """The verdict in one sentence; the same on the page and in the terminal."""
        if self.is_genuine:
            return "真实，未被改动。"
        for fate in Fate:
            if fate in self.fates:
                return fate.value
        if self.is_open:
            return "现在无法判断，核验成功之前请勿采信。"
        return "不能确认，请勿采信。"


def verify_file(data: bytes, keys: Verifier, read_pdf: ReadPdf, proof: bytes | None = None) -> Report:
    """What a file is, by which keys it is signed, and whether it is whole.

    Args:
        data: a certificate's PDF, a verifiable credential of one, or a signing receipt.
        keys: the published keys.
        read_pdf: machinery's reader, which knows the published seal keys.
        proof: that the certificate stands in the public log, as a file.
    """
    if is_json(data):
        return _credential(data, keys) if _is_credential(data) else _receipt(data, keys)
    if b"%PDF-" in data[:1024]:
        return _certificate(data, keys, read_pdf, proof)
    report = _begun("无法识别", data)
    report.wrong("既不是证书 PDF，也不是签发凭据或可验证凭证。")
    return report


def is_json(data: bytes) -> bool:
    """Whether `verify_file` reads it as JSON, in this process: whatever else stands in it, a PDF's first words too."""
    return data.removeprefix(b"\xef\xbb\xbf").lstrip()[:1] == b"{"


def _begun(kind: str, data: bytes) -> Report:
    report = Report(f"文件类型：{kind}")
    report.note(f"文件 SHA-256：{hashlib.sha256(data).hexdigest()}")
    return report


UNPRINTED = frozenset({"考试计划"})  # a name for inside the house: signed, and not on the page


def printed_values(claims: Claims) -> dict[str, str]:
    """Each claim as the page prints it, by its Chinese name; `UNPRINTED` ones stand in the code alone."""
    return {
        "持证人姓名": claims.name,
        "证书名称": claims.certificate,
        "证书等级": Level(claims.level).label,
        "证书编号": claims.number,
        "标准版本": claims.standard,
        "考试计划": claims.plan,
        "考试日期": say_day(date.fromisoformat(claims.exam_date)),
        "考核院校": claims.school,
        "颁证机构": claims.issuer,
        "发证日期": say_day(date.fromisoformat(claims.issued_on)),
    }


def _certificate(data: bytes, keys: Verifier, read_pdf: ReadPdf, proof: bytes | None) -> Report:
    report = _begun("证书 PDF", data)
    try:
        pdf = read_pdf(data)
    except Refused as refusal:
        report.wrong(refusal.message)
        return report
    _seals(report, pdf.marks, keys)
    if pdf.held[0]:
        report.note(f"供日后核验，文件里存有 {pdf.held[0]} 张证书和 {pdf.held[1]} 份未被吊销的证明。")
    _later(report, pdf, keys)
    code = pdf.verification_url.rpartition("/v/")[2]
    try:
        claims = open_code(keys, code)
    except Unverified as refusal:
        if refusal.code == "key_unknown":
            report.unclear(refusal.message)
        else:
            report.wrong("证书内没有可以验证的核验码，或核验码不是颁证机构签发的。")
        return report
    report.codes.append(code)
    report.right(f"核验码由颁证机构的密钥 {key_of_code(code)} 签名，记载内容：")
    _life(report, keys, key_of_code(code))
    differing = []
    for label, value in printed_values(claims).items():
        is_printed = label in UNPRINTED or "".join(value.split()) in pdf.printed
        differing += [] if is_printed else [label]
        report.note(f"{label}：{value}{'' if is_printed else '  ← 页面上印的不是这样'}")
    if differing:
        report.wrong(f"页面文字与核验码不一致：{'、'.join(differing)}。")
    else:
        report.right("页面文字与核验码逐项一致。")
    if proof is not None:
        offline_proof.judge(report, proof, code=code, pdf=data, keys=keys)
    report.asked_at.append(pdf.verification_url)
    return report


_KINDS = {
    "page": "页面",
    "content": "页面内容",
    "annotation": "批注",
    "form": "表单",
    "attachment": "附件",
    "metadata": "文件信息",
    "signature": "签名",
    "catalog": "文件目录",
    "other": "其他",
}
_NAMED = 12  # objects that are named one by one


def _later(report: Report, pdf: SealedPdf, keys: Verifier) -> None:
    """What was added after our seal: which revision, which objects and pages; and what was sealed."""
    if not pdf.sealed_revision or not (pdf.later or pdf.sealed_url != pdf.verification_url):
        return
    report.note(f"盖章封存的是第 {pdf.sealed_revision} 次存盘的内容。")
    for one in pdf.later:
        some = "、".join(map(str, one.objects[:_NAMED])) + ("…" if len(one.objects) > _NAMED else "")
        where = f"，涉及第 {'、'.join(map(str, one.pages))} 页" if one.pages else ""
        what = "、".join(_KINDS.get(kind, kind) for kind in one.kinds)
        report.changed(
            f"第 {one.number} 次存盘在封存之后，改动了 {len(one.objects)} 个对象（{some}）{where}{f'：{what}' if what else ''}。"
        )
    try:
        sealed = open_code(keys, pdf.sealed_url.rpartition("/v/")[2])
    except Unverified:
        return
    values = printed_values(sealed)
    named = "，".join(
        f"{label} {values[label]}" for label in ("持证人姓名", "证书等级", "证书编号", "发证日期")
    )
    report.note(f"封存时记载：{named}")
    if pdf.sealed_url != pdf.verification_url:
        report.changed("附件里的核验码也被换过，以下是换上去的。")


def _life(report: Report, keys: Verifier, key_id: str) -> None:
    """A retired key proves nothing by itself: whoever took it can sign anything, with any date."""
    key = keys.find(key_id)
    if key is not None and key.retired_at is not None:
        why = f"（原因：{key.reason}）" if key.reason else ""
        report.unclear(
            f"密钥 {key_id} 已于 {say_minute(key.retired_at)}（北京时间）停用{why}，不能只凭它的签名确认，请联网核验。"
        )


def _seals(report: Report, marks: tuple[SealMark, ...], keys: Verifier) -> None:
    if not marks:
        report.foreign("没有电子印章签名。")
    for mark in marks:
        when = f"，签名时间 {say_minute(mark.moment)}（北京时间，签名方所述）" if mark.moment else ""
        report.note(f"签名者：{mark.signer}{when}")
        if mark.key_id is None:
            report.foreign("签名的密钥不在公布的印章公钥之中；如果公钥文件是较早保存的，请更新后再核验。")
        else:
            report.right(f"印章密钥 {mark.key_id} 在公布的公钥之中。")
            _life(report, keys, mark.key_id)
        tell = report.wrong if mark.key_id is None else report.changed
        if not mark.is_genuine:
            tell("签名无效：签名之后文件内容被改动过。")
        elif not mark.is_whole:
            tell("签名之后文件被追加过内容。")
        elif not mark.is_padded_clean:
            tell("签名旁预留的空白里被写入过别的内容，文件与颁发时不是同一份。")
        else:
            report.right("签名有效，覆盖整个文件，签名之后没有任何改动。")
        _stamped(report, mark)
        _validity(report, mark)


def _stamped(report: Report, mark: SealMark) -> None:
    """When another than the signer saw the signature. Who that was is not judged, so it is no ✓: the token stands outside
    what is signed, and whoever has the file can put one of an authority of his own in its place (decision 0860)."""
    if mark.stamp is None:
        return
    if mark.stamp.moment is None:
        report.wrong("时间戳无法读取，不能说明盖章的时间。")
        return
    when = f"{say_minute(mark.stamp.moment)}（北京时间）"
    if mark.stamp.is_genuine:
        report.note(f"时间戳：{when}之前已经盖章，署名 {mark.stamp.authority}（这里不核对这家机构）。")
    else:
        report.wrong(f"时间戳无效：它写着 {when}、{mark.stamp.authority}，但不是对这个签名签发的。")


def _validity(report: Report, mark: SealMark) -> None:
    """Whether the seal's certificate held when it was used: by the time stamp, or else by the signer's word."""
    moment = mark.stamp.moment if mark.stamp is not None and mark.stamp.is_genuine else mark.moment
    if mark.valid is None or moment is None:
        return
    begins, ends = mark.valid
    sentence = f"印章证书有效期 {say_minute(begins)} 至 {say_minute(ends)}（北京时间）"
    if not begins <= moment <= ends:
        report.wrong(f"{sentence}，签名时间不在其中。")
    else:
        report.note(f"{sentence}，签名时在有效期内。")


def _is_credential(data: bytes) -> bool:
    """Only what a credential has and no receipt: its context. What is broken is a receipt's to tell."""
    with suppress(ValueError, RecursionError):
        return "@context" in json.loads(data.decode("utf-8-sig"))
    return False


def _credential(data: bytes, keys: Verifier) -> Report:
    report = _begun("可验证凭证", data)
    try:
        whole = json.loads(data.decode("utf-8-sig"), object_pairs_hook=receipts.once)
        content, key_id = data_integrity.opened(keys, whole)
        said = wallet_credentials.said_by(content)
    except Unverified as refusal:
        (report.unclear if refusal.code == "key_unknown" else report.wrong)(refusal.message)
        return report
    except (ValueError, RecursionError):
        report.wrong(data_integrity.broken().message)
        return report
    report.right(f"由颁证机构的密钥 {key_id} 签名，内容未被改动：")
    _life(report, keys, key_id)
    for label, value in said.facts.items():
        report.note(f"{label}：{value}")
    report.codes.append(said.address.rpartition("/v/")[2])
    report.asked_at.append(said.address)
    return report


def _receipt(data: bytes, keys: Verifier) -> Report:
    report = _begun("签发凭据", data)
    receipt_into(report, data, keys)
    return report


def receipt_into(report: Report, data: bytes, keys: Verifier) -> receipts.Statement | None:
    """Add to the report what a receipt says and by which key; None when it does not hold or cannot be judged."""
    try:
        statement, proof = receipts.read(keys, data)
    except Unverified as refusal:
        (report.unclear if refusal.code == "key_unknown" else report.wrong)(refusal.message)
        return None
    report.right(f"由本系统的凭据密钥 {proof.key_id} 签名，内容未被改动：")
    _life(report, keys, proof.key_id)
    if not proof.is_as_given:
        report.note("（文件的换行、空格或编码标记与原件不同，内容相同）")
    act = "确认签发" if statement.action == receipts.CONFIRMED else "退回"
    for label, value in {
        "操作": act,
        "评价组织": statement.issuer,
        "评价组织签发人": statement.issuer_signer,
        "证书": statement.certificate,
        "院校": statement.school_name,
        "考核站点": statement.site,
        "签发负责人": statement.officer_name,
        "考试计划": statement.plan,
        "考试日期": statement.exam_date,
        "等级": statement.level,
        "人数": str(statement.count),
        "批次": f"{statement.issuance}（第 {statement.revision} 次送签）",
        "名单摘要": statement.list_sha256,
        "时间": statement.at,
        "退回原因": statement.reason,
    }.items():
        if value:
            report.note(f"{label}：{value}")
    return statement
