"""What kind of file somebody handed in, judged by its bytes and never by its name; and what is refused unread (see the port `TableReader`)."""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import Enum

from server.domain.tables import HEADER_WITHIN, MAX_ROWS, too_many_rows
from server.errors import Refused

MAX_BYTES = 50_000_000
MAX_UNPACKED = 160_000_000
MAX_RATIO = 100
MAX_PARTS = 2_000
MAX_COLUMNS = 256
MAX_CELLS = 5_000_000
ZIP = b"PK\x03\x04"
OLE = bytes.fromhex("D0CF11E0A1B11AE1")
OLE_ENCRYPTED = "EncryptedPackage".encode("utf-16-le")
_BINARY = (
    b"%PDF",
    b"\x89PNG",
    b"\xff\xd8\xff",
    b"GIF8",
    b"Rar!",
    b"7z\xbc\xaf",
    b"\x1f\x8b",
    b"PK\x05\x06",
    b"PK\x07\x08",
)
_MARKUP = re.compile(rb"<[a-z!?/]")


class Form(Enum):
    """How a table is stored."""

    XLSX = "xlsx"
    XLS = "xls"
    CSV = "csv"


@dataclass(frozen=True, slots=True)
class Extent:
    """How far the content of a sheet reaches, in rows and columns; `filled` rows have any."""

    rows: int
    columns: int
    filled: int

    def check(self) -> None:
        """Raises Refused: too_many_columns, too_many_rows."""
        if self.columns > MAX_COLUMNS:
            raise Refused(
                "too_many_columns",
                f"表格有 {self.columns} 列，最多 {MAX_COLUMNS} 列。请删除右侧多余的列后重新保存再导入。",
            )
        if self.filled > MAX_ROWS + HEADER_WITHIN:
            raise too_many_rows(self.filled)
        if self.rows > MAX_ROWS + HEADER_WITHIN:
            raise Refused(
                "too_many_rows",
                f"表格有内容的只有 {self.filled} 行，却一直排到第 {self.rows} 行。请删除下方多余的内容和中间的空行，"
                "重新保存后再导入。",
            )
        if self.rows * self.columns > MAX_CELLS:
            raise Refused(
                "too_many_rows",
                f"表格有 {self.rows} 行、{self.columns} 列，共 {self.rows * self.columns:,} 格，最多 {MAX_CELLS:,} 格。"
                "请删除不需要的列，或分成几个文件导入。",
            )


def recognise(data: bytes) -> Form:
    """The form of a file, by its first bytes.

    Raises:
        Refused: file_empty, file_too_large, file_encrypted, file_web_page, file_type.
    """
    if not data.strip(b"\x00 \t\r\n\x1a\xef\xbb\xbf"):
        raise Refused("file_empty", "文件是空的，请选择有内容的表格。")
    if len(data) > MAX_BYTES:
        raise too_large()
    if data.startswith(ZIP):
        return Form.XLSX
    if data.startswith(OLE):
        if OLE_ENCRYPTED in data:
            raise encrypted()
        return Form.XLS
    if _is_page(data):
        raise Refused(
            "file_web_page",
            "这个文件其实是网页或 XML，只是名字像表格。请用 Excel 或 WPS 打开，另存为 .xlsx 后再导入。",
        )
    if data.startswith(_BINARY) or (b"\x00" in data[:65536] and wide_encoding(data) is None):
        raise wrong_type()
    return Form.CSV


def _is_page(data: bytes) -> bool:
    """Whether this is HTML, XML or a saved web page (MHTML), in whatever encoding."""
    start = data[:4096].replace(b"\x00", b"").lstrip(b"\xff\xfe\xef\xbb\xbf \t\r\n").lower()
    if _MARKUP.match(start):
        return True
    return start.startswith((b"mime-version:", b"from:", b"content-type:")) and b"multipart/related" in start


def wide_encoding(data: bytes) -> str | None:
    """The encoding of text in UTF-16, with or without its mark; None for other files."""
    if data.startswith((b"\xff\xfe", b"\xfe\xff")):
        return "utf-16"
    start = data[:4096]
    odd, even = start[1::2].count(0), start[::2].count(0)  # the empty halves of plain letters and separators
    if len(data) % 2 == 0 and odd > even and b"\n\x00" in data:
        return "utf-16-le"
    return "utf-16-be" if len(data) % 2 == 0 and even > odd and b"\x00\n" in data else None


def too_large() -> Refused:
    return Refused(
        "file_too_large",
        f"文件太大（压缩前最多 {MAX_UNPACKED // 1_000_000} MB，文件本身最多 {MAX_BYTES // 1_000_000} MB）。请分成几个文件导入。",
    )


def encrypted() -> Refused:
    return Refused("file_encrypted", "工作簿设了打开密码，无法读取。请去掉密码、重新保存后再导入。")


def wrong_type() -> Refused:
    return Refused(
        "file_type", "只能导入 .xlsx、.xls 或 .csv 表格。请在 Excel 或 WPS 里另存为 .xlsx 后再导入。"
    )


def damaged() -> Refused:
    return Refused("file_damaged", "文件已损坏或没有传完整，请重新保存、重新选择文件后再导入。")


def unclosed_quotes(first: int, last: int) -> Refused:
    """A quoted cell that began in one line of a text file and swallowed others."""
    return Refused(
        "quotes_unclosed",
        f"第 {first} 行的英文引号没有成对，一直连到了第 {last} 行，中间的行会漏掉，所以整个文件都没有导入。"
        "请删除多余的引号，或用 Excel、WPS 打开核对后另存为 .xlsx 再导入。",
    )


def bomb() -> Refused:
    return Refused(
        "file_zip_bomb",
        "文件解压后异常膨胀，为安全起见已拒绝。请把数据复制到一个新建的工作簿，另存为 .xlsx 后再导入。",
    )


def entities() -> Refused:
    return Refused(
        "file_entities",
        "文件里含有自定义实体，为安全起见已拒绝。请用 Excel 或 WPS 打开，另存为 .xlsx 后再导入。",
    )
