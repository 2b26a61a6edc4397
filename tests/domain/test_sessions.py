"""Session tokens: genuine, in time, and of one kind alone."""

from __future__ import annotations

import base64
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from server.adapters import keys
from server.domain.auth import sessions
from server.domain.ports import Services, SessionClaims
from server.errors import Unverified
from server.settings import Settings
from tests.conftest import ISSUER
from tests.kit.fakes import FakeClock
from tests.kit.stand_ins import stand_ins


def world(folder: keys.KeyFolder) -> Services:
    return stand_ins(Settings(), FakeClock(), folder)


@pytest.fixture(scope="module")
def s(key_folder: keys.KeyFolder) -> Services:
    return world(key_folder)


def refusal(s: Services, kind: str, token: str) -> str:
    with pytest.raises(Unverified) as refused:
        sessions.open(s, kind, token)
    return refused.value.code


@given(kind=st.sampled_from(sorted(sessions.KINDS)), subject=st.text(), unionid=st.none() | st.text())
def test_what_was_minted_opens(s: Services, kind: str, subject: str, unionid: str | None) -> None:
    now = int(s.clock.now().timestamp())
    assert sessions.open(s, kind, sessions.mint(s, kind, subject, 60, unionid=unionid)) == SessionClaims(
        kind, subject, now, now + 60, {"unionid": unionid}
    )


@given(data=st.data())
def test_any_changed_character_is_refused(s: Services, data: st.DataObject) -> None:
    token = sessions.mint(s, "h5", "openid-of-somebody", 60)
    place = data.draw(st.integers(0, len(token) - 1))
    other = data.draw(
        st.characters(min_codepoint=32, max_codepoint=0x5000).filter(lambda c: c != token[place])
    )
    assert refusal(s, "h5", token[:place] + other + token[place + 1 :]) == "session_invalid"


@given(
    token=st.text(max_size=200) | st.from_regex(r"1\.[A-Za-z0-9_-]{0,80}\.[A-Za-z0-9_-]{43}", fullmatch=True)
)
def test_invented_tokens_are_refused(s: Services, token: str) -> None:
    assert refusal(s, "h5", token) == "session_invalid"


@given(
    kinds=st.tuples(st.sampled_from(sorted(sessions.KINDS)), st.sampled_from(sorted(sessions.KINDS))).filter(
        lambda pair: pair[0] != pair[1]
    )
)
def test_one_kind_never_opens_as_another(s: Services, kinds: tuple[str, str]) -> None:
    assert refusal(s, kinds[1], sessions.mint(s, kinds[0], "x", 60)) == "session_kind"


def test_claims_swapped_under_a_genuine_proof_are_refused(s: Services) -> None:
    epoch, payload, proof = sessions.mint(s, "h5", "x", 60).split(".")
    claims = json.loads(base64.urlsafe_b64decode(payload + "=="))
    claims["subject"] = "y"
    swapped = base64.urlsafe_b64encode(json.dumps(claims, sort_keys=True).encode()).rstrip(b"=").decode()
    assert refusal(s, "h5", f"{epoch}.{swapped}.{proof}") == "session_invalid"


def test_one_token_has_one_spelling(s: Services) -> None:
    """The last character of a proof has spare bits; only one way of writing it opens."""
    token = sessions.mint(s, "h5", "x", 60)
    alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
    opened = []
    for last in alphabet:
        try:
            sessions.open(s, "h5", token[:-1] + last)
        except Unverified:
            continue
        opened.append(last)
    assert opened == [token[-1]]


def test_ends_at_its_second(key_folder: keys.KeyFolder) -> None:
    s = world(key_folder)
    token = sessions.mint(s, "mp", "x", 60)
    assert isinstance(s.clock, FakeClock)
    s.clock.forward(seconds=59)
    assert sessions.open(s, "mp", token).subject == "x"
    s.clock.forward(seconds=1)
    assert refusal(s, "mp", token) == "session_expired"


def test_an_old_epoch_goes_on_opening_and_a_lost_one_does_not(
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    folder = tmp_path_factory.mktemp("rotating") / "keys"
    keys.create(folder, development=True, organisation=ISSUER)
    old = sessions.mint(world(keys.KeyFolder(folder, production=False)), "h5", "x", 60)
    keys.rotate(folder, "session", organisation=ISSUER)
    rotated = world(keys.KeyFolder(folder, production=False))
    new = sessions.mint(rotated, "h5", "x", 60)
    assert (old.split(".")[0], new.split(".")[0]) == ("1", "2")
    assert sessions.open(rotated, "h5", old).subject == "x"
    (folder / "session-0001.key").unlink()
    assert refusal(world(keys.KeyFolder(folder, production=False)), "h5", old) == "session_invalid"


def test_an_unknown_kind_is_a_mistake_of_ours(s: Services) -> None:
    with pytest.raises(ValueError, match="unknown kind"):
        sessions.mint(s, "h6", "x", 60)
