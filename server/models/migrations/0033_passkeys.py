"""Passkeys, and the WeChat by which an account logs in."""

from pathlib import Path

from tortoise import fields
from tortoise.fields.base import OnDelete
from tortoise.migrations import operations as ops

from server.models import migration

STATEMENTS = Path(__file__).with_suffix(".sql").read_text("utf-8")


class Migration(migration.Migration):
    dependencies = [("records", "0032_sign_in")]

    initial = False

    operations = [
        ops.AddField(
            model_name="Staff",
            name="has_passkey",
            field=fields.BooleanField(default=False, db_default=False),
        ),
        ops.CreateModel(
            name="Passkey",
            fields=[
                ("id", fields.BigIntField(generated=True, primary_key=True, unique=True, db_index=True)),
                (
                    "staff",
                    fields.ForeignKeyField(
                        "records.Staff",
                        source_field="staff_id",
                        db_constraint=True,
                        to_field="id",
                        related_name="passkeys",
                        on_delete=OnDelete.CASCADE,
                    ),
                ),
                ("label", fields.CharField(max_length=60)),
                ("credential_id", fields.BinaryField()),
                ("public_key", fields.BinaryField()),
                ("sign_count", fields.BigIntField()),
                ("is_backed_up", fields.BooleanField()),
                ("created_at", fields.DatetimeField(auto_now=False, auto_now_add=False)),
                ("last_used_at", fields.DatetimeField(null=True, auto_now=False, auto_now_add=False)),
            ],
            options={
                "table": "passkey",
                "app": "records",
                "pk_attr": "id",
                "table_description": "通行密钥 of an account: the public half of a key that stays in somebody's device.",
            },
            bases=["Model"],
        ),
        ops.CreateModel(
            name="LoginWeChat",
            fields=[
                ("id", fields.BigIntField(generated=True, primary_key=True, unique=True, db_index=True)),
                (
                    "staff",
                    fields.ForeignKeyField(
                        "records.Staff",
                        source_field="staff_id",
                        db_constraint=True,
                        to_field="id",
                        related_name="login_wechats",
                        on_delete=OnDelete.CASCADE,
                    ),
                ),
                ("openid", fields.CharField(max_length=64)),
                ("bound_at", fields.DatetimeField(auto_now=False, auto_now_add=False)),
            ],
            options={
                "table": "login_wechat",
                "app": "records",
                "pk_attr": "id",
                "table_description": "The WeChat (openid in the official account) by which somebody logs in to the console; one for each account.",
            },
            bases=["Model"],
        ),
        ops.RunSQL(STATEMENTS),
    ]
