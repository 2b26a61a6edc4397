"""What must differ from the backup once it is loaded: SQL that runs in the same transaction as the loading.

Numbers that were given out after the backup must not be given again, notices that were sent after it must not be sent
again, and no job worker of that time lives.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from server.domain import beijing
from server.domain.levels import Level

_NOTICES = """
UPDATE public.delivery SET state = 'unknown', next_try_at = NULL, last_error = '恢复备份前可能已经发出'
WHERE state IN ('pending', 'sending');
DO $$ BEGIN
    IF to_regclass('public.notice_hold') IS NOT NULL THEN
        INSERT INTO public.notice_hold (id, since, reason) VALUES (1, now(), '从备份恢复') ON CONFLICT DO NOTHING;
    END IF;
END $$;
DO $$ BEGIN
    IF to_regclass('public.campaign') IS NOT NULL THEN
        UPDATE public.campaign SET state = 'cancelled', ended_at = now(), note = '从备份恢复时停止：备份之后可能已经发出'
        WHERE state IN ('submitted', 'approved', 'running', 'paused');
    END IF;
END $$;
DELETE FROM public.procrastinate_workers;
"""


_STEP_ON = "UPDATE public.number_series SET given = given + {skip:d};"
_BEGIN = """
INSERT INTO public.number_series (prefix, given) SELECT {year} || k.code || l.code, {skip:d}
FROM public.certificate_kind k, (VALUES {levels}) AS l(code) ON CONFLICT (prefix) DO NOTHING;
"""
_RAISE = """
INSERT INTO public.number_series AS n (prefix, given) VALUES ({prefix}, {given:d})
ON CONFLICT (prefix) DO UPDATE SET given = greatest(n.given, excluded.given);
"""


@dataclass(frozen=True, slots=True)
class DatabaseState:
    """What the database held before it was replaced.

    `series`: prefix → last serial given out. `is_later`: it went on from the very state that the backup holds, so that
    its series are the truth.
    """

    server_version: int
    series: Mapping[str, int] = field(default_factory=dict)
    is_later: bool = False


def after_loading(state: DatabaseState, *, skip: int, now: datetime) -> str:
    """SQL to be run after the dump, in its transaction.

    Args:
        state: of the database that is replaced.
        skip: by how many serials each series is stepped on when it is not a continuation of the backup.
        now: decides the year whose series are begun beyond the skipped serials.
    """
    return "\n".join([*_series(state, skip, now), _NOTICES])


def _series(state: DatabaseState, skip: int, now: datetime) -> list[str]:
    """psql takes no parameters: everything that is put into these lines is a number or quoted."""
    lines = []
    if not state.is_later:
        levels = ", ".join(f"({_quoted(level.code)})" for level in Level)
        lines += [
            _STEP_ON.format(skip=skip),
            _BEGIN.format(year=_quoted(f"{beijing.day(now):%y}"), skip=skip, levels=levels),
        ]
    lines += [
        _RAISE.format(prefix=_quoted(prefix), given=last) for prefix, last in sorted(state.series.items())
    ]
    return lines


def _quoted(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"
