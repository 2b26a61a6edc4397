"""Who did what, what changed for look-ups, what WeChat pushed, and the answers that are given twice."""

from pathlib import Path

from orjson import loads
from tortoise import fields
from tortoise.fields.data import JSON_DUMPS
from tortoise.migrations import operations as ops

from server.models import migration

STATEMENTS = Path(__file__).with_suffix(".sql").read_text("utf-8")


class Migration(migration.Migration):
    initial = True

    operations = [
        ops.CreateModel(
            name="AuditEntry",
            fields=[
                ("id", fields.BigIntField(generated=True, primary_key=True, unique=True, db_index=True)),
                ("at", fields.DatetimeField(auto_now=False, auto_now_add=False)),
                ("actor_kind", fields.CharField(max_length=10)),
                ("actor_id", fields.BigIntField(null=True)),
                ("actor_name", fields.CharField(max_length=100)),
                ("action", fields.CharField(max_length=40)),
                ("subject_kind", fields.CharField(max_length=20)),
                ("subject_id", fields.CharField(max_length=40)),
                ("was", fields.JSONField(null=True, encoder=JSON_DUMPS, decoder=loads)),
                ("became", fields.JSONField(null=True, encoder=JSON_DUMPS, decoder=loads)),
                ("address", fields.CharField(default="", max_length=45)),
                ("request_id", fields.CharField(default="", max_length=40)),
            ],
            options={
                "table": "audit_entry",
                "app": "records",
                "pk_attr": "id",
                "table_description": "Who did what, when, from where, was → now. A database rule forbids UPDATE, DELETE and TRUNCATE.",
            },
            bases=["Model"],
        ),
        ops.CreateModel(
            name="LookupChange",
            fields=[
                ("id", fields.BigIntField(generated=True, primary_key=True, unique=True, db_index=True)),
                ("scope", fields.CharField(max_length=80)),
                ("at", fields.DatetimeField(auto_now=False, auto_now_add=False)),
            ],
            options={
                "table": "lookup_change",
                "app": "records",
                "pk_attr": "id",
                "table_description": "A change that makes cached look-ups stale: `*` for all, the account and a digest of the openid for one person.",
            },
            bases=["Model"],
        ),
        ops.CreateModel(
            name="PushSeen",
            fields=[
                ("key", fields.CharField(primary_key=True, unique=True, db_index=True, max_length=200)),
                ("reply", fields.BinaryField(null=True)),
                ("at", fields.DatetimeField(auto_now=False, auto_now_add=False)),
                ("push", fields.BinaryField(null=True)),
                ("state", fields.CharField(db_default="taken", max_length=10)),
                ("attempts", fields.IntField(db_default=0)),
                ("late_since", fields.DatetimeField(null=True, auto_now=False, auto_now_add=False)),
                ("next_try_at", fields.DatetimeField(null=True, auto_now=False, auto_now_add=False)),
                ("settled_at", fields.DatetimeField(null=True, auto_now=False, auto_now_add=False)),
                ("last_error", fields.CharField(db_default="", max_length=200)),
            ],
            options={
                "table": "push_seen",
                "app": "records",
                "pk_attr": "key",
                "table_description": "A push from WeChat that was taken in; its key is unique.",
            },
            bases=["Model"],
        ),
        ops.CreateModel(
            name="IdempotentAnswer",
            fields=[
                ("id", fields.BigIntField(generated=True, primary_key=True, unique=True, db_index=True)),
                ("owner", fields.CharField(max_length=80)),
                ("key", fields.CharField(max_length=100)),
                ("request_sha256", fields.BinaryField()),
                ("status", fields.IntField(default=0)),
                ("body", fields.BinaryField(null=True)),
                ("created_at", fields.DatetimeField(auto_now=False, auto_now_add=False)),
            ],
            options={
                "table": "idempotent_answer",
                "app": "records",
                "pk_attr": "id",
                "table_description": "The first answer to a request that carried an Idempotency-Key.",
            },
            bases=["Model"],
        ),
        ops.RunSQL(STATEMENTS),
    ]
