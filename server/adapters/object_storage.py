"""Files by key in a bucket of an S3-compatible store: any number of hosts see the same ones."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Coroutine, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any, TypeVar
from urllib.parse import urlsplit

import obstore
from obstore import exceptions
from obstore.store import S3Store

from server.adapters.storage import checked_key, missing
from server.domain.ports import StoredFile
from server.errors import NotFound, OutsideFailure

if TYPE_CHECKING:  # there is nothing of this name at run time
    from obstore.store import S3Credential

Answer = TypeVar("Answer")

LARGEST = 256 * 1024 * 1024  # bytes; a file is in memory as a whole
_READY = ".ready"  # what `check` writes: no key begins with a dot
_REFUSED = "对象存储拒绝访问，请检查访问密钥和它对存储桶的读、写、列出、删除权限。"
_NO_BUCKET = "对象存储里没有这个存储桶，请检查 XCERT_FILES_URL。"
_AT_ONCE = 1000  # files of one page of a listing, the most that S3 gives


@dataclass(frozen=True, slots=True)
class Patience:
    """How long the store may take, in seconds.

    Attributes:
        connect: until a connection stands.
        silence: while an answer is read, without another byte.
        request: one request, with its answer.
        whole: everything that one call of ours costs, with all its tries.
        tries: again, after the first.
    """

    connect: float = 5.0
    silence: float = 10.0
    request: float = 30.0
    whole: float = 60.0
    tries: int = 3


@dataclass(frozen=True, slots=True, repr=False)
class Bucket:
    """A bucket and the way to it.

    Attributes:
        endpoint: of the store, without the bucket.
        in_host: the bucket's name is part of the host's (Aliyun OSS, Tencent COS), not the first part of the path.
        certificates: roots to trust beside the system's, PEM.
    """

    name: str
    prefix: str
    endpoint: str
    region: str
    access_key: str
    secret_key: str
    in_host: bool = False
    certificates: str = ""

    @property
    def url(self) -> str:
        """Where requests go; as the client wants it, with the bucket in it when its name is part of the host's."""
        parts = urlsplit(self.endpoint)
        return f"{parts.scheme}://{self.name}.{parts.netloc}" if self.in_host else self.endpoint.rstrip("/")


class ObjectFileStore:
    """Implements the file store port.

    A write is one request, never one in parts: it counts as a whole or not at all, and nothing half-written is left.
    Every request has a time limit and is tried again a few times; a try whose answer was lost and that is made again
    changes nothing, and for `put_once` finds its own file.
    """

    def __init__(self, bucket: Bucket, patience: Patience | None = None) -> None:
        self._patience = patience or Patience()
        self._store = _client(bucket, self._patience)

    async def put(self, key: str, data: bytes) -> None:
        _check_size(len(data))
        await self._in_time(obstore.put_async(self._store, checked_key(key), data, use_multipart=False))

    async def put_once(self, key: str, data: bytes) -> bytes:
        _check_size(len(data))
        try:
            await self._in_time(
                obstore.put_async(self._store, checked_key(key), data, mode="create", use_multipart=False)
            )
        except _Taken:
            return await self.get(key)
        return data

    async def get(self, key: str) -> bytes:
        return await self._in_time(self._get(checked_key(key)))

    async def _get(self, key: str) -> bytes:
        found = await obstore.get_async(self._store, key)
        _check_size(found.meta["size"])
        return bytes(await found.bytes_async())

    async def exists(self, key: str) -> bool:
        try:
            await self._in_time(obstore.head_async(self._store, checked_key(key)))
        except NotFound:  # without a body: of the key or of the whole bucket
            try:
                await self.get(key)
            except NotFound:
                return False
        return True

    async def delete(self, key: str) -> None:
        try:
            await self._in_time(obstore.delete_async(self._store, checked_key(key)))
        except NotFound:
            return

    async def listing(self, after: str = "") -> AsyncIterator[StoredFile]:
        last = after
        pages = obstore.list(self._store, offset=after or None, chunk_size=_AT_ONCE)
        while page := await self._page(pages):
            for one in page:
                key = one["path"]
                if key.startswith("."):
                    continue
                if key <= last:
                    raise OutsideFailure(
                        "对象存储没有按名字的顺序列出文件，无法核对；请换用按顺序列出的存储桶。"
                    )
                last = key
                yield StoredFile(key, one["size"], one["last_modified"], one["e_tag"] or "")

    async def _page(self, pages: Any) -> Sequence[Any]:
        async def turn() -> Sequence[Any]:
            try:
                return list(await anext(pages))
            except StopAsyncIteration:
                return ()

        return await self._in_time(turn())

    async def sweep(self) -> int:
        return 0

    async def check(self) -> None:
        await self._in_time(obstore.put_async(self._store, _READY, b"ready", use_multipart=False))

    async def _in_time(self, work: Coroutine[Any, Any, Answer]) -> Answer:
        with _told():
            async with asyncio.timeout(self._patience.whole):
                return await work


class _Taken(Exception):
    """The key holds a file already."""


def _client(bucket: Bucket, patience: Patience) -> S3Store:
    options: dict[str, Any] = {
        "allow_http": bucket.endpoint.startswith("http://"),  # refused in production by the settings
        "connect_timeout": timedelta(seconds=patience.connect),
        "read_timeout": timedelta(seconds=patience.silence),
        "timeout": timedelta(seconds=patience.request),
    }
    if bucket.certificates:
        options["root_certificate"] = bucket.certificates
    keys: S3Credential = {
        "access_key_id": bucket.access_key,
        "secret_access_key": bucket.secret_key,
        "expires_at": None,
    }
    return S3Store(
        bucket.name,
        prefix=bucket.prefix or None,
        region=bucket.region,
        credential_provider=lambda: keys,
        virtual_hosted_style_request=bucket.in_host,
        disable_bulk_delete=True,  # not every store has it
        # Said here, or else the client takes them from variables (AWS_…) that are somebody else's.
        endpoint=bucket.url,
        aws_endpoint_url_s3=bucket.url,
        skip_signature=False,
        unsigned_payload=False,
        s3_express=False,
        client_options=options,  # type: ignore[arg-type]  # built up
        retry_config={
            "max_retries": patience.tries,
            "retry_timeout": timedelta(seconds=patience.whole),
            "backoff": {
                "init_backoff": timedelta(milliseconds=100),
                "max_backoff": timedelta(seconds=2),
                "base": 2,
            },
        },
    )


def _check_size(size: int) -> None:
    if size > LARGEST:
        raise OutsideFailure(
            f"文件有 {size // 1024 // 1024} MB，超过 {LARGEST // 1024 // 1024} MB，没有读写。"
        )


@contextmanager
def _told() -> Iterator[None]:
    """What the client says becomes what the port says; neither key nor address gets into the sentence."""
    try:
        yield
    except (exceptions.NotFoundError, FileNotFoundError) as error:
        if "NoSuchBucket" in str(error):  # never read as "no such file": everything would seem to be gone
            raise OutsideFailure(_NO_BUCKET) from error
        raise missing() from None
    except (exceptions.AlreadyExistsError, exceptions.PreconditionError):
        raise _Taken from None
    except (exceptions.PermissionDeniedError, exceptions.UnauthenticatedError) as error:
        raise OutsideFailure(_REFUSED) from error
    except TimeoutError as error:
        raise OutsideFailure("对象存储没有在规定的时间内应答。") from error
    except (exceptions.BaseError, OSError) as error:
        text = str(error)  # of a listing, the client says everything in words alone
        if "NoSuchBucket" in text:
            raise OutsideFailure(_NO_BUCKET) from error
        if "status code: 403" in text or "status code: 401" in text:
            raise OutsideFailure(_REFUSED) from error
        raise OutsideFailure("对象存储没有应答或应答有误，请检查 XCERT_S3_ENDPOINT 和网络。") from error
