"""Where files are kept, as XCERT_FILES_URL says: a folder, or a bucket of an S3-compatible store."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import SplitResult, unquote, urlsplit

from cryptography import x509

DEFAULT = "vault"  # in the data folder
_BUCKET = re.compile(r"[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]")
_PREFIX = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*(/[A-Za-z0-9][A-Za-z0-9._-]*)*")
_FORM = "应为 file:///目录 或 s3://存储桶/前缀"


@dataclass(frozen=True, slots=True)
class FilesPlace:
    """A folder, or else a bucket and what the keys in it begin with."""

    folder: Path | None = None
    bucket: str = ""
    prefix: str = ""

    def __str__(self) -> str:
        return (
            str(self.folder) if self.folder is not None else f"s3://{self.bucket}/{self.prefix}".rstrip("/")
        )


def place_of(url: str, data_dir: Path) -> FilesPlace:
    """The place that a URL names; without one, the folder that it always was. Raises ValueError."""
    if not url:
        return FilesPlace(data_dir / DEFAULT)
    parts = urlsplit(url)
    if parts.query or parts.fragment:
        raise ValueError(_FORM)
    if parts.scheme == "file":
        return FilesPlace(_folder(parts))
    if parts.scheme != "s3":
        raise ValueError(_FORM)
    prefix = parts.path.strip("/")
    if not _BUCKET.fullmatch(parts.netloc) or (prefix and not _PREFIX.fullmatch(prefix)):
        raise ValueError(f"{_FORM}：存储桶用小写字母、数字、点和连字符，前缀只用字母、数字和 . _ - /")
    return FilesPlace(None, parts.netloc, prefix)


def _folder(parts: SplitResult) -> Path:
    folder = Path(unquote(parts.path))
    if parts.netloc not in ("", "localhost") or not folder.is_absolute() or folder == Path("/"):
        raise ValueError(f"{_FORM}：目录要写完整的路径，如 file:///srv/xcert/files")
    return folder


def problems(values: Mapping[str, Any], *, production: bool) -> list[str]:
    """One line for each thing that cannot be right.

    Args:
        values: settings by field name.
    """
    try:
        place = place_of(str(values.get("files_url") or ""), Path("var"))
    except ValueError as error:
        return [f"XCERT_FILES_URL {error}"]
    if place.folder is not None:
        return []
    lines = [
        f"XCERT_FILES_URL 是 s3://，还要填 {env}"
        for field, env in (("s3_access_key", "XCERT_S3_ACCESS_KEY"), ("s3_secret_key", "XCERT_S3_SECRET_KEY"))
        if not values.get(field)
    ]
    endpoint = urlsplit(str(values.get("s3_endpoint") or ""))
    if endpoint.geturl() and (
        endpoint.scheme not in ("http", "https") or not endpoint.hostname or endpoint.path.strip("/")
    ):
        lines.append("XCERT_S3_ENDPOINT 应为 http:// 或 https:// 开头、只有主机和端口的网址，不含存储桶")
    elif endpoint.scheme == "http" and production:
        lines.append("XCERT_S3_ENDPOINT 在生产环境必须是 https://；自己的根证书写在 XCERT_S3_CERTIFICATES")
    if values.get("s3_style") not in (None, "", "path", "host"):
        lines.append("XCERT_S3_STYLE 只能是 path 或 host")
    try:
        if pem := str(values.get("s3_certificates") or ""):
            x509.load_pem_x509_certificates(pem.encode())
    except ValueError:
        lines.append("XCERT_S3_CERTIFICATES 不是可读的证书（PEM，可多份相连）")
    return lines
