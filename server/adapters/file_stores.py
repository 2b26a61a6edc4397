"""Which file store the settings name: a folder, or a bucket of an S3-compatible store."""

from __future__ import annotations

from server.adapters.object_storage import Bucket, ObjectFileStore
from server.adapters.storage import FolderFileStore
from server.domain.ports import FileStore
from server.files_place import FilesPlace
from server.settings import Settings


def file_store_of(settings: Settings, place: FilesPlace | None = None) -> FileStore:
    """The store at the place of the settings, or at another one reached by the same keys."""
    place = place or settings.files_place
    if place.folder is not None:
        return FolderFileStore(place.folder)
    return ObjectFileStore(
        Bucket(
            name=place.bucket,
            prefix=place.prefix,
            endpoint=settings.s3_endpoint or f"https://s3.{settings.s3_region}.amazonaws.com",
            region=settings.s3_region,
            access_key=settings.s3_access_key,
            secret_key=settings.s3_secret_key,
            in_host=settings.s3_style == "host",
            certificates=settings.s3_certificates,
        )
    )
