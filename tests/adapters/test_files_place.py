"""XCERT_FILES_URL: where files are kept, and what cannot be right about it."""

from __future__ import annotations

from pathlib import Path

import pytest

from server import files_place
from server.settings import Settings, SettingsError, load

# Development without the sandbox, whose account would be written down.
REST = {"WECHAT_OA_APPID": "wx1"}


def read(environ: dict[str, str]) -> Settings:
    return load({"XCERT_ENV": "development"} | REST | environ, env_file=None)


S3 = {"XCERT_FILES_URL": "s3://files/of/ours", "XCERT_S3_ACCESS_KEY": "a", "XCERT_S3_SECRET_KEY": "b"}


def test_where_files_are_kept(tmp_path: Path) -> None:
    assert read({"XCERT_DATA_DIR": "d"}).files_place.folder == Path("d/vault"), "as it always was"
    assert read({"XCERT_FILES_URL": "file:///srv/%E6%96%87%E4%BB%B6"}).files_place.folder == Path("/srv/文件")
    place = read(S3).files_place
    assert (place.folder, place.bucket, place.prefix, str(place)) == (
        None,
        "files",
        "of/ours",
        "s3://files/of/ours",
    )
    assert place == files_place.place_of("s3://files/of/ours/", Path("var"))
    assert read(S3 | {"XCERT_S3_ENDPOINT": "http://127.0.0.1:9000"}).s3_style == "path"


@pytest.mark.parametrize(
    ("change", "begins"),
    [
        ({"XCERT_FILES_URL": "/srv/files"}, "XCERT_FILES_URL 应为 file:///目录 或 s3://存储桶/前缀"),
        ({"XCERT_FILES_URL": "file://srv/files"}, "XCERT_FILES_URL 应为 file:///目录"),
        ({"XCERT_FILES_URL": "file:///"}, "XCERT_FILES_URL 应为 file:///目录"),
        ({"XCERT_FILES_URL": "https://files"}, "XCERT_FILES_URL 应为 file:///目录"),
        ({"XCERT_FILES_URL": "s3://"}, "XCERT_FILES_URL 应为 file:///目录"),
        ({"XCERT_FILES_URL": "s3://Files/x"}, "XCERT_FILES_URL 应为 file:///目录"),
        ({"XCERT_FILES_URL": "s3://files/../x"}, "XCERT_FILES_URL 应为 file:///目录"),
        ({"XCERT_FILES_URL": "s3://files/x?y=1"}, "XCERT_FILES_URL 应为 file:///目录"),
        (S3 | {"XCERT_S3_ACCESS_KEY": ""}, "XCERT_FILES_URL 是 s3://，还要填 XCERT_S3_ACCESS_KEY"),
        (S3 | {"XCERT_S3_SECRET_KEY": ""}, "XCERT_FILES_URL 是 s3://，还要填 XCERT_S3_SECRET_KEY"),
        (S3 | {"XCERT_S3_ENDPOINT": "oss.example.cn"}, "XCERT_S3_ENDPOINT 应为"),
        (S3 | {"XCERT_S3_ENDPOINT": "https://oss.example.cn/files"}, "XCERT_S3_ENDPOINT 应为"),
        (S3 | {"XCERT_S3_STYLE": "virtual"}, "XCERT_S3_STYLE 只能是 path 或 host"),
        (S3 | {"XCERT_S3_CERTIFICATES": "x"}, "XCERT_S3_CERTIFICATES 不是可读的证书"),
    ],
)
def test_a_wrong_place_of_files_is_told(change: dict[str, str], begins: str) -> None:
    with pytest.raises(SettingsError) as refusal:
        read(change)
    assert [line.startswith(begins) for line in refusal.value.problems] == [True], refusal.value.problems


def test_production_wants_an_encrypted_way() -> None:
    """Names stand in the files, and whoever reads the request could write others for a quarter of an hour."""
    values = {"files_url": "s3://files", "s3_access_key": "a", "s3_secret_key": "b"}
    plain = {"s3_endpoint": "http://oss.example.cn"}
    assert files_place.problems(values | plain, production=False) == []
    assert files_place.problems(values | plain, production=True) == [
        "XCERT_S3_ENDPOINT 在生产环境必须是 https://；自己的根证书写在 XCERT_S3_CERTIFICATES"
    ]
    secure = {"s3_endpoint": "https://oss.example.cn"}
    assert files_place.problems(values | secure, production=True) == []
