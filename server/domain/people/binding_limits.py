"""How often somebody may try to bind: the limits of a person, of an identity number and of an address."""

from __future__ import annotations

from hashlib import sha256

from server.domain.actor import Caller
from server.domain.addresses import counted
from server.domain.people import captcha
from server.domain.people.candidates import ABOUT_ID, IdentityNumber
from server.domain.ports import RateLimiter, Services, WeChatIdentity
from server.errors import TooMany

DAY = 24 * 3600
CHECK_AFTER, PAUSE_AFTER = 5, 20  # misses of one person, or on one identity number
# A school's students share an address, so an address may miss more often.
ADDRESS_CHECK_AFTER, ADDRESS_PAUSE_AFTER = 50, 200


async def image_needed(rate_limiter: RateLimiter, who: WeChatIdentity, *, address: str) -> bool:
    """Whether the next attempt of this person will be asked for an image check, as far as is known before it."""
    return (
        await rate_limiter.count(_person_key(who)) >= CHECK_AFTER
        or await rate_limiter.count(_address_key(address)) >= ADDRESS_CHECK_AFTER
    )


def _person_key(who: WeChatIdentity) -> str:
    return f"bind:person:{sha256(f'{who.account}:{who.openid}'.encode()).hexdigest()[:32]}"


def _address_key(address: str) -> str:
    return f"bind:address:{counted(address)}"


class Gate:
    """The limits of one attempt: of the person, of the identity number (by its blind index), of the address."""

    def __init__(self, s: Services, who: WeChatIdentity, number: IdentityNumber, caller: Caller) -> None:
        self._s, self._who = s, who
        blind = s.keys.blind(number.text, about=ABOUT_ID).hex()
        self.own = (_person_key(who), f"bind:number:{blind}")
        self.caller = caller
        self._address = _address_key(caller.address)

    async def open(self, image_answer: str) -> None:
        """Count the attempt before it is made, so that many at once cannot slip through together."""
        limits = self._s.rate_limiter
        own = [await limits.count(key) for key in self.own]
        paused = [await limits.count(f"{key}:paused") for key in self.own]
        address = await limits.count(self._address)
        if any(paused) or max(own) >= PAUSE_AFTER or address >= ADDRESS_PAUSE_AFTER:
            raise _paused()
        if checked := max(own) >= CHECK_AFTER or address >= ADDRESS_CHECK_AFTER:
            await captcha.check(self._s.cache, self._who, image_answer)
        counts = [await limits.hit(key, window=DAY) for key in self.own]
        if max(counts) > PAUSE_AFTER:
            raise _paused()
        if max(counts) > CHECK_AFTER and not checked:
            await captcha.check(self._s.cache, self._who, image_answer)

    async def missed(self) -> None:
        """The attempt stays counted; the twentieth begins a day's pause."""
        for key in self.own:
            if await self._s.rate_limiter.count(key) >= PAUSE_AFTER:
                await self._s.rate_limiter.hit(f"{key}:paused", window=DAY)
        await self._s.rate_limiter.hit(self._address, window=DAY)

    async def passed(self) -> None:
        """The number is free again; the person's misses stay counted, or binding oneself would forgive them all."""
        person, number = self.own
        await self._s.rate_limiter.clear(number)
        await self._s.rate_limiter.take_back(person)


def _paused() -> TooMany:
    return TooMany(
        "binding_paused",
        "核对不成功的次数过多，为保护考生信息，今天暂停绑定。请明天再试，或联系报考的院校协助。",
        retry_after=DAY,
    )
