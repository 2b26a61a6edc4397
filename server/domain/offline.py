"""核验一份文件 with public keys alone: a certificate's PDF or a signing receipt. What `xcert verify` prints.

For a PDF three things must agree: the seal's signature, the claims in the code (signed by another key), and what is
printed. Whether a certificate was revoked since, only the service knows; the report says where to ask.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import date

from server.domain.beijing import say_day, say_minute
from server.domain.claims import Claims, Verifier, open_code
from server.domain.issuance import receipts
from server.domain.levels import Level
from server.domain.ports import SealedPdf, SealMark
from server.errors import Refused, Unverified

ReadPdf = Callable[[bytes], SealedPdf]


@dataclass(slots=True)
class Report:
    """Lines as a person reads them; `is_genuine` only if nothing at all was wrong."""

    title: str
    is_genuine: bool = True
    lines: list[str] = field(default_factory=list)

    def right(self, line: str) -> None:
        self.lines.append(f"  ✓ {line}")

    def wrong(self, line: str) -> None:
        self.is_genuine = False
        self.lines.append(f"  ✗ {line}")

    def note(self, line: str) -> None:
        self.lines.append(f"    {line}")

    def __str__(self) -> str:
        verdict = "结论：真实，未被改动。" if self.is_genuine else "结论：不能确认，请勿采信。"
        return "\n".join([self.title, *self.lines, verdict])


def verify_file(data: bytes, keys: Verifier, read_pdf: ReadPdf) -> Report:
    """What a file is, by which keys it is signed, and whether it is whole.

    Args:
        data: a certificate's PDF or a signing receipt.
        keys: the published keys.
        read_pdf: machinery's reader, which knows the published seal keys.
    """
    if data.lstrip()[:1] == b"{":
        return _receipt(data, keys)
    if b"%PDF-" in data[:1024]:
        return _certificate(data, keys, read_pdf)
    report = Report("文件类型：无法识别")
    report.wrong("既不是证书 PDF，也不是签发凭据。")
    return report


def printed_values(claims: Claims) -> dict[str, str]:
    """Each claim as the page prints it, by its Chinese name."""
    return {
        "持证人姓名": claims.name,
        "证书名称": claims.certificate,
        "证书等级": Level(claims.level).label,
        "证书编号": claims.number,
        "标准版本": claims.standard,
        "考试计划": claims.plan,
        "考核日期": say_day(date.fromisoformat(claims.exam_date)),
        "考核院校": claims.school,
        "颁发机构": claims.issuer,
        "发证日期": say_day(date.fromisoformat(claims.issued_on)),
    }


def _certificate(data: bytes, keys: Verifier, read_pdf: ReadPdf) -> Report:
    report = Report("文件类型：证书 PDF")
    try:
        pdf = read_pdf(data)
    except Refused as refusal:
        report.wrong(refusal.message)
        return report
    _seals(report, pdf.marks)
    try:
        claims = open_code(keys, pdf.verification_url.rpartition("/v/")[2])
    except Unverified:
        report.wrong("证书内没有可以验证的核验码，或核验码不是颁发机构签发的。")
        return report
    report.right("核验码由颁发机构签名，记载内容：")
    differing = []
    for label, value in printed_values(claims).items():
        is_printed = "".join(value.split()) in pdf.printed
        differing += [] if is_printed else [label]
        report.note(f"{label}：{value}{'' if is_printed else '  ← 页面上印的不是这样'}")
    if differing:
        report.wrong(f"页面文字与核验码不一致：{'、'.join(differing)}。")
    else:
        report.right("页面文字与核验码逐项一致。")
    report.note(f"是否已撤销须联网查询：{pdf.verification_url}")
    return report


def _seals(report: Report, marks: tuple[SealMark, ...]) -> None:
    if not marks:
        report.wrong("没有电子印章签名。")
    for mark in marks:
        when = f"，签名时间 {say_minute(mark.moment)}（北京时间，签名方所述）" if mark.moment else ""
        report.note(f"签名者：{mark.signer}{when}")
        if mark.key_id is None:
            report.wrong("签名的密钥不在公布的印章公钥之中。")
        else:
            report.right(f"印章密钥 {mark.key_id} 在公布的公钥之中。")
        if not mark.is_genuine:
            report.wrong("签名无效：签名之后文件内容被改动过。")
        elif not mark.is_whole:
            report.wrong("签名之后文件被追加过内容。")
        else:
            report.right("签名有效，覆盖整个文件，签名之后没有任何改动。")


def _receipt(data: bytes, keys: Verifier) -> Report:
    report = Report("文件类型：签发凭据")
    try:
        said = receipts.verify(keys, data)
    except Unverified as refusal:
        report.wrong(refusal.message)
        return report
    report.right("由本系统的凭据密钥签名，内容未被改动：")
    act = "确认签发" if said.action == "confirm_scan" else "退回"
    for label, value in {
        "操作": act,
        "院校": said.school_name,
        "签发负责人": said.officer_name,
        "考试计划": said.plan,
        "等级": said.level,
        "人数": str(said.count),
        "批次": f"{said.issuance}（第 {said.revision} 次送签）",
        "名单摘要": said.list_sha256,
        "时间": said.at,
        "退回原因": said.reason,
    }.items():
        if value:
            report.note(f"{label}：{value}")
    return report
