"""Schools and sites, candidates and their bindings, officers, staff and sessions."""

from pathlib import Path

from orjson import loads
from tortoise import fields
from tortoise.fields.base import OnDelete
from tortoise.fields.data import JSON_DUMPS
from tortoise.migrations import operations as ops

from server.models import migration

STATEMENTS = Path(__file__).with_suffix(".sql").read_text("utf-8")


class Migration(migration.Migration):
    dependencies = [("records", "0001_audit")]

    initial = False

    operations = [
        ops.CreateModel(
            name="CertificateKind",
            fields=[
                ("id", fields.BigIntField(generated=True, primary_key=True, unique=True, db_index=True)),
                ("code", fields.CharField(unique=True, max_length=8)),
                ("name", fields.CharField(unique=True, max_length=100)),
            ],
            options={
                "table": "certificate_kind",
                "app": "records",
                "pk_attr": "id",
                "table_description": "A kind of certificate; `code` stands in every number.",
            },
            bases=["Model"],
        ),
        ops.CreateModel(
            name="School",
            fields=[
                ("id", fields.BigIntField(generated=True, primary_key=True, unique=True, db_index=True)),
                ("name", fields.CharField(unique=True, max_length=100)),
                ("created_at", fields.DatetimeField(auto_now=False, auto_now_add=True)),
            ],
            options={"table": "school", "app": "records", "pk_attr": "id", "table_description": "院校."},
            bases=["Model"],
        ),
        ops.CreateModel(
            name="Site",
            fields=[
                ("id", fields.BigIntField(generated=True, primary_key=True, unique=True, db_index=True)),
                (
                    "school",
                    fields.ForeignKeyField(
                        "records.School",
                        source_field="school_id",
                        db_constraint=True,
                        to_field="id",
                        related_name="sites",
                        on_delete=OnDelete.RESTRICT,
                    ),
                ),
                (
                    "kind",
                    fields.ForeignKeyField(
                        "records.CertificateKind",
                        source_field="kind_id",
                        db_constraint=True,
                        to_field="id",
                        related_name="sites",
                        on_delete=OnDelete.RESTRICT,
                    ),
                ),
                ("level", fields.CharField(max_length=12)),
                ("name", fields.CharField(unique=True, max_length=200)),
                ("is_open", fields.BooleanField(default=True)),
                ("created_at", fields.DatetimeField(auto_now=False, auto_now_add=True)),
            ],
            options={
                "table": "site",
                "app": "records",
                "pk_attr": "id",
                "table_description": "考核站点: school × certificate × level; its name is built, never typed (S52).",
            },
            bases=["Model"],
        ),
        ops.CreateModel(
            name="Candidate",
            fields=[
                ("id", fields.BigIntField(generated=True, primary_key=True, unique=True, db_index=True)),
                ("name", fields.CharField(max_length=100)),
                ("id_kind", fields.CharField(default="居民身份证", max_length=30)),
                ("id_sealed", fields.BinaryField()),
                ("id_index", fields.BinaryField()),
                ("mobile_sealed", fields.BinaryField(null=True)),
                ("given_phone_sealed", fields.BinaryField(null=True)),
                ("given_phone_at", fields.DatetimeField(null=True, auto_now=False, auto_now_add=False)),
                ("kind", fields.CharField(max_length=10)),
                (
                    "school",
                    fields.ForeignKeyField(
                        "records.School",
                        source_field="school_id",
                        null=True,
                        db_constraint=True,
                        to_field="id",
                        related_name="candidates",
                        on_delete=OnDelete.RESTRICT,
                    ),
                ),
                ("major_code", fields.CharField(default="", max_length=20)),
                ("major_name", fields.CharField(default="", max_length=60)),
                ("major_version", fields.CharField(default="", max_length=20)),
                ("major_tier", fields.CharField(default="", max_length=20)),
                ("photo_key", fields.CharField(default="", max_length=200)),
                ("created_at", fields.DatetimeField(auto_now=False, auto_now_add=True)),
                ("updated_at", fields.DatetimeField(auto_now=True, auto_now_add=False)),
            ],
            options={
                "table": "candidate",
                "app": "records",
                "pk_attr": "id",
                "table_description": "考生. The identity number and the phone are sealed; `id_index` finds them.",
            },
            bases=["Model"],
        ),
        ops.CreateModel(
            name="Binding",
            fields=[
                ("id", fields.BigIntField(generated=True, primary_key=True, unique=True, db_index=True)),
                ("account", fields.CharField(max_length=2)),
                ("openid", fields.CharField(max_length=64)),
                ("unionid", fields.CharField(default="", max_length=64)),
                (
                    "candidate",
                    fields.ForeignKeyField(
                        "records.Candidate",
                        source_field="candidate_id",
                        db_constraint=True,
                        to_field="id",
                        related_name="bindings",
                        on_delete=OnDelete.RESTRICT,
                    ),
                ),
                ("bound_at", fields.DatetimeField(auto_now=False, auto_now_add=False)),
                ("unbound_at", fields.DatetimeField(null=True, auto_now=False, auto_now_add=False)),
            ],
            options={
                "table": "binding",
                "app": "records",
                "pk_attr": "id",
                "table_description": "身份绑定: openid ↔ candidate in one account; at most one living row each way.",
            },
            bases=["Model"],
        ),
        ops.CreateModel(
            name="Follower",
            fields=[
                ("openid", fields.CharField(primary_key=True, unique=True, db_index=True, max_length=64)),
                ("is_following", fields.BooleanField()),
                ("changed_at", fields.DatetimeField(auto_now=False, auto_now_add=False)),
            ],
            options={
                "table": "follower",
                "app": "records",
                "pk_attr": "openid",
                "table_description": "Who follows the official account, as far as pushes told us.",
            },
            bases=["Model"],
        ),
        ops.CreateModel(
            name="Officer",
            fields=[
                ("id", fields.BigIntField(generated=True, primary_key=True, unique=True, db_index=True)),
                (
                    "school",
                    fields.ForeignKeyField(
                        "records.School",
                        source_field="school_id",
                        db_constraint=True,
                        to_field="id",
                        related_name="officers",
                        on_delete=OnDelete.RESTRICT,
                    ),
                ),
                ("name", fields.CharField(max_length=100)),
                ("mobile_sealed", fields.BinaryField(null=True)),
                ("mobile_index", fields.BinaryField(null=True)),
                ("state", fields.CharField(default="invited", max_length=12)),
                ("invitation_hash", fields.BinaryField(null=True)),
                (
                    "invitation_expires_at",
                    fields.DatetimeField(null=True, auto_now=False, auto_now_add=False),
                ),
                ("invitation_failures", fields.IntField(default=0, db_default=0)),
                ("oa_openid", fields.CharField(default="", max_length=64)),
                ("mp_openid", fields.CharField(default="", max_length=64)),
                ("pin_hash", fields.CharField(default="", max_length=200)),
                ("pin_failures", fields.IntField(default=0)),
                ("pin_locked_until", fields.DatetimeField(null=True, auto_now=False, auto_now_add=False)),
                ("created_at", fields.DatetimeField(auto_now=False, auto_now_add=True)),
                ("suspended_at", fields.DatetimeField(null=True, auto_now=False, auto_now_add=False)),
            ],
            options={
                "table": "officer",
                "app": "records",
                "pk_attr": "id",
                "table_description": "院校签发负责人: a person with the right to sign for one school.",
            },
            bases=["Model"],
        ),
        ops.CreateModel(
            name="OfficerBacker",
            fields=[
                ("id", fields.BigIntField(generated=True, primary_key=True, unique=True, db_index=True)),
                (
                    "officer",
                    fields.ForeignKeyField(
                        "records.Officer",
                        source_field="officer_id",
                        db_constraint=True,
                        to_field="id",
                        related_name="backers",
                        on_delete=OnDelete.RESTRICT,
                    ),
                ),
                ("staff_id", fields.BigIntField(null=True)),
                ("role", fields.CharField(max_length=12)),
                ("act", fields.CharField(max_length=10)),
                ("at", fields.DatetimeField(auto_now=False, auto_now_add=False)),
            ],
            options={
                "table": "officer_backer",
                "app": "records",
                "pk_attr": "id",
                "table_description": "Who of the staff stands behind an officer: invited, resumed or confirmed. They do not sign for that school.",
            },
            bases=["Model"],
        ),
        ops.CreateModel(
            name="Staff",
            fields=[
                ("id", fields.BigIntField(generated=True, primary_key=True, unique=True, db_index=True)),
                ("username", fields.CharField(unique=True, max_length=60)),
                ("name", fields.CharField(max_length=100)),
                ("role", fields.CharField(max_length=12)),
                (
                    "school",
                    fields.ForeignKeyField(
                        "records.School",
                        source_field="school_id",
                        null=True,
                        db_constraint=True,
                        to_field="id",
                        related_name="staff",
                        on_delete=OnDelete.RESTRICT,
                    ),
                ),
                ("password_hash", fields.CharField(max_length=200)),
                ("must_change_password", fields.BooleanField(default=True)),
                ("otp_sealed", fields.BinaryField(null=True)),
                ("otp_last_step", fields.BigIntField(default=0)),
                ("is_active", fields.BooleanField(default=True)),
                ("session_epoch", fields.IntField(default=1)),
                ("login_epoch", fields.IntField(default=1, db_default=1)),
                ("recovery_codes", fields.JSONField(null=True, encoder=JSON_DUMPS, decoder=loads)),
                ("created_at", fields.DatetimeField(auto_now=False, auto_now_add=True)),
            ],
            options={
                "table": "staff",
                "app": "records",
                "pk_attr": "id",
                "table_description": "工作人员, and a school's console account when `school` is set.",
            },
            bases=["Model"],
        ),
        ops.CreateModel(
            name="ApiToken",
            fields=[
                ("id", fields.BigIntField(generated=True, primary_key=True, unique=True, db_index=True)),
                (
                    "staff",
                    fields.ForeignKeyField(
                        "records.Staff",
                        source_field="staff_id",
                        db_constraint=True,
                        to_field="id",
                        related_name="api_tokens",
                        on_delete=OnDelete.CASCADE,
                    ),
                ),
                ("label", fields.CharField(max_length=60)),
                ("scopes", fields.CharField(default="read", db_default="read", max_length=120)),
                ("token_hash", fields.BinaryField()),
                ("created_at", fields.DatetimeField(auto_now=False, auto_now_add=True)),
                ("expires_at", fields.DatetimeField(auto_now=False, auto_now_add=False)),
                ("revoked_at", fields.DatetimeField(null=True, auto_now=False, auto_now_add=False)),
            ],
            options={
                "table": "api_token",
                "app": "records",
                "pk_attr": "id",
                "table_description": "A machine's way into the console API: only the hash is kept.",
            },
            bases=["Model"],
        ),
        ops.CreateModel(
            name="EndedSession",
            fields=[
                ("id", fields.CharField(primary_key=True, unique=True, db_index=True, max_length=32)),
                ("expires_at", fields.DatetimeField(auto_now=False, auto_now_add=False)),
            ],
            options={
                "table": "ended_session",
                "app": "records",
                "pk_attr": "id",
                "table_description": "A console session that was logged out before its time.",
            },
            bases=["Model"],
        ),
        ops.CreateModel(
            name="EndedPerson",
            fields=[
                ("id", fields.CharField(primary_key=True, unique=True, db_index=True, max_length=64)),
                ("ended_at", fields.DatetimeField(auto_now=False, auto_now_add=False)),
            ],
            options={
                "table": "ended_person",
                "app": "records",
                "pk_attr": "id",
                "table_description": "The moment up to which all sessions of a person in WeChat are over: see domain.people.ended_sessions.",
            },
            bases=["Model"],
        ),
        ops.RunSQL(STATEMENTS),
    ]
