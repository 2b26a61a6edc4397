"""An object store that is slow, refuses, fails or breaks off: a sentence for people, in time, and nothing half-done."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable

import pytest

from server.adapters import object_storage
from server.adapters.object_storage import ObjectFileStore
from server.errors import NotFound, OutsideFailure
from tests.kit.object_store import QUICK, SECRET, Trouble, Way

NO_ANSWER = "对象存储没有应答或应答有误，请检查 XCERT_S3_ENDPOINT 和网络。"
REFUSED = "对象存储拒绝访问，请检查访问密钥和它对存储桶的读、写、列出、删除权限。"
NO_BUCKET = "对象存储里没有这个存储桶，请检查 XCERT_FILES_URL。"

Verb = Callable[[ObjectFileStore], Awaitable[object]]


async def _listed(store: ObjectFileStore) -> list[str]:
    return [one.key async for one in store.listing()]


VERBS: dict[str, Verb] = {
    "put": lambda s: s.put("a", b"two"),
    "put_once": lambda s: s.put_once("b", b"two"),
    "get": lambda s: s.get("a"),
    "exists": lambda s: s.exists("a"),
    "delete": lambda s: s.delete("a"),
    "listing": _listed,
    "check": lambda s: s.check(),
}


@pytest.fixture
async def store(objects: Way) -> ObjectFileStore:
    store = objects.store("p")
    await store.put("a", b"one")
    objects.asked.clear()
    return store


@pytest.mark.parametrize("verb", VERBS)
@pytest.mark.parametrize(
    ("trouble", "sentence"),
    [
        (Trouble(status=500), NO_ANSWER),
        (Trouble(status=503, code="SlowDown"), NO_ANSWER),
        (Trouble(status=403, code="AccessDenied"), REFUSED),
        (Trouble(status=404, code="NoSuchBucket"), NO_BUCKET),
        (Trouble(waits=30), None),
    ],
    ids=["500", "slow down", "403", "no bucket", "silent"],
)
async def test_trouble_is_said_in_time(
    objects: Way, store: ObjectFileStore, verb: str, trouble: Trouble, sentence: str | None
) -> None:
    objects.trouble = trouble
    before = time.monotonic()
    with pytest.raises(OutsideFailure) as failure:
        await VERBS[verb](store)
    assert time.monotonic() - before < QUICK.whole + 5
    assert str(failure.value) in ({sentence} if sentence else {NO_ANSWER, "对象存储没有在规定的时间内应答。"})
    assert SECRET not in str(failure.value.__cause__)
    assert 1 <= len(objects.asked) <= 2 * (QUICK.tries + 1), "retries are bounded"
    objects.trouble = Trouble(times=0)
    assert await store.get("a") == b"one"


@pytest.mark.parametrize("verb", VERBS)
async def test_a_fault_that_passes_is_not_seen(objects: Way, store: ObjectFileStore, verb: str) -> None:
    objects.trouble = Trouble(status=500, times=QUICK.tries)
    await VERBS[verb](store)
    assert objects.trouble.times == 0


async def test_a_body_cut_off_is_never_a_file(objects: Way, store: ObjectFileStore) -> None:
    data = bytes(range(256)) * 1000
    await store.put("large", data)
    for cut in (0, 1, 65_536):
        objects.trouble = Trouble(cut=cut, method="GET")
        with pytest.raises(OutsideFailure, match="没有应答"):
            await store.get("large")
    for cut in (0, 100, len(data) - 1):
        objects.trouble = Trouble(cut=cut, method="GET", times=1)
        assert await store.get("large") == data, "once: the rest is asked for"


@pytest.mark.parametrize("verb", ["put", "put_once", "delete"])
async def test_a_lost_answer_changes_nothing(objects: Way, store: ObjectFileStore, verb: str) -> None:
    """The server did it; the try that is made again finds it done."""
    objects.trouble = Trouble(loses=True, times=1)
    if verb == "put":
        await store.put("b", b"mine")
    elif verb == "put_once":
        assert await store.put_once("b", b"mine") == b"mine"
    else:
        await store.delete("a")
    objects.trouble = Trouble(times=0)
    assert await _listed(store) == (["a", "b"] if verb != "delete" else [])


async def test_a_wrong_key_is_refused(objects: Way, store: ObjectFileStore) -> None:
    wrong = ObjectFileStore(objects.bucket("p", secret="another"), QUICK)
    with pytest.raises(OutsideFailure) as failure:
        await wrong.get("a")
    assert str(failure.value) == REFUSED


async def test_no_bucket_is_not_an_empty_one(objects: Way) -> None:
    """Otherwise every certificate would seem to be gone, and the public log never begun."""
    none = ObjectFileStore(objects.bucket("p", name="nothing"), QUICK)
    for verb in VERBS.values():
        with pytest.raises(OutsideFailure) as failure:
            await verb(none)
        assert str(failure.value) == NO_BUCKET


async def test_nobody_listens(objects: Way, store: ObjectFileStore) -> None:
    bucket = objects.bucket("p")
    gone = ObjectFileStore(
        object_storage.Bucket(
            bucket.name, "p", "http://127.0.0.1:9", bucket.region, bucket.access_key, bucket.secret_key
        ),
        QUICK,
    )
    with pytest.raises(OutsideFailure, match="没有应答"):
        await gone.get("a")


async def test_too_large_a_file_is_not_taken_into_memory(
    objects: Way, store: ObjectFileStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(object_storage, "LARGEST", 2)
    for work in (store.get("a"), store.put("b", b"one"), store.put_once("b", b"one")):
        with pytest.raises(OutsideFailure, match="超过"):
            await work
    assert await _listed(store) == ["a"]


async def test_a_call_given_up_leaves_the_store_usable(objects: Way, store: ObjectFileStore) -> None:
    objects.trouble = Trouble(waits=30)
    waiting = asyncio.create_task(store.get("a"))
    await asyncio.sleep(0.1)
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    objects.trouble = Trouble(times=0)
    assert await store.get("a") == b"one"


async def test_settings_of_others_in_the_environment_change_nothing(
    objects: Way, store: ObjectFileStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in {
        "AWS_ENDPOINT": "http://127.0.0.1:9",
        "AWS_ENDPOINT_URL_S3": "http://127.0.0.1:9",
        "AWS_SKIP_SIGNATURE": "true",
        "AWS_SESSION_TOKEN": "another",
        "AWS_UNSIGNED_PAYLOAD": "true",
        "AWS_ACCESS_KEY_ID": "another",
        "AWS_BUCKET": "another",
        "AWS_VIRTUAL_HOSTED_STYLE_REQUEST": "true",
    }.items():
        monkeypatch.setenv(name, value)
    assert await objects.store("p").get("a") == b"one"
    assert "x-amz-security-token" not in objects.last_headers


async def test_the_bucket_may_be_part_of_the_host() -> None:
    bucket = object_storage.Bucket(
        "files", "p", "https://oss-cn-beijing.aliyuncs.com", "cn-beijing", "a", "key-of-ours", in_host=True
    )
    assert bucket.url == "https://files.oss-cn-beijing.aliyuncs.com"
    assert "key-of-ours" not in repr(bucket)


async def test_no_key_gets_into_the_log(
    objects: Way, store: ObjectFileStore, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    objects.trouble = Trouble(status=500)
    with pytest.raises(OutsideFailure):
        await store.get("a")
    assert SECRET not in caplog.text


async def test_a_missing_file_behind_a_failing_store_is_not_called_missing(
    objects: Way, store: ObjectFileStore
) -> None:
    assert not await store.exists("nothing")
    objects.trouble = Trouble(status=404, code="NoSuchKey")
    with pytest.raises(NotFound):
        await store.get("nothing")
    objects.trouble = Trouble(status=502)
    with pytest.raises(OutsideFailure):
        await store.exists("nothing")
