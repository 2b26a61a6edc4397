"""What must never be lost or repeated: audit entries, changes for look-ups, pushes seen, idempotent answers."""

from __future__ import annotations

from tortoise import fields

from server.models.record import Model


class AuditEntry(Model):
    """Who did what, when, from where, was → now. A database rule forbids UPDATE, DELETE and TRUNCATE."""

    id = fields.BigIntField(primary_key=True)
    at = fields.DatetimeField()
    actor_kind = fields.CharField(max_length=10)  # staff officer candidate system
    actor_id = fields.BigIntField(null=True)
    actor_name = fields.CharField(max_length=100)
    action = fields.CharField(max_length=40)
    subject_kind = fields.CharField(max_length=20)
    subject_id = fields.CharField(max_length=40)
    was: fields.Field[dict[str, object]] = fields.JSONField(null=True)
    became: fields.Field[dict[str, object]] = fields.JSONField(null=True)
    address = fields.CharField(max_length=45, default="")
    request_id = fields.CharField(max_length=40, default="")

    class Meta:
        table = "audit_entry"


class AuditLink(Model):
    """One link of the chain over the trail: entries up to `until_id`, from where the link before ended. Never changed."""

    position = fields.BigIntField(primary_key=True, generated=False)  # 1, 2, 3 …
    until_id = fields.BigIntField()
    count = fields.IntField()
    entries_sha256 = fields.BinaryField()
    hash = fields.BinaryField()
    made_at = fields.DatetimeField()

    class Meta:
        table = "audit_link"


class AuditMark(Model):
    """One row: up to which entry the chain may go, once every transaction that ran then has ended."""

    id = fields.IntField(primary_key=True, generated=False)
    until_id = fields.BigIntField(default=0)
    seen_xid = fields.BigIntField(default=0)
    published = fields.BigIntField(default=0)  # the last link whose hash stands in the file store

    class Meta:
        table = "audit_mark"


class LookupChange(Model):
    """A change that makes cached look-ups stale: `*` for all, the account and a digest of the openid for one person."""

    id = fields.BigIntField(primary_key=True)
    scope = fields.CharField(max_length=80)
    at = fields.DatetimeField()

    class Meta:
        table = "lookup_change"


class PushSeen(Model):
    """A push from WeChat that was taken in; its key is unique."""

    key = fields.CharField(max_length=200, primary_key=True)
    reply = fields.BinaryField(null=True)  # sealed: what answered it at once
    at = fields.DatetimeField()
    push = fields.BinaryField(null=True)  # sealed, until nothing more is to be done about it
    state = fields.CharField(max_length=10, db_default="taken")  # server.domain.wechat_chat.push_states
    attempts = fields.IntField(db_default=0)  # at a late answer
    late_since = fields.DatetimeField(null=True)  # when it was handed over; null: not late
    next_try_at = fields.DatetimeField(null=True)
    settled_at = fields.DatetimeField(null=True)
    last_error = fields.CharField(max_length=200, db_default="")

    class Meta:
        table = "push_seen"


class IdempotentAnswer(Model):
    """The first answer to a request that carried an Idempotency-Key."""

    id = fields.BigIntField(primary_key=True)
    owner = fields.CharField(max_length=80)
    key = fields.CharField(max_length=100)
    request_sha256 = fields.BinaryField()
    status = fields.IntField(default=0)  # 0: still at work
    body = fields.BinaryField(null=True)
    created_at = fields.DatetimeField()

    class Meta:
        table = "idempotent_answer"
