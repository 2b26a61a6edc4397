"""Training courses, and fees that are for them."""

from pathlib import Path

from tortoise import fields
from tortoise.fields.base import OnDelete
from tortoise.migrations import operations as ops

from server.models import migration

STATEMENTS = Path(__file__).with_suffix(".sql").read_text("utf-8")


class Migration(migration.Migration):
    dependencies = [("records", "0013_alarm_note")]

    initial = False

    operations = [
        ops.CreateModel(
            name="Course",
            fields=[
                ("id", fields.BigIntField(generated=True, primary_key=True, unique=True, db_index=True)),
                ("title", fields.CharField(max_length=100)),
                ("from_on", fields.DateField()),
                ("to_on", fields.DateField()),
                ("place", fields.CharField(max_length=100)),
                ("is_online", fields.BooleanField()),
                ("capacity", fields.IntField(null=True)),
                ("is_open", fields.BooleanField(default=True)),
                ("created_by", fields.BigIntField()),
                ("created_by_name", fields.CharField(max_length=100)),
                ("created_at", fields.DatetimeField(auto_now=False, auto_now_add=False)),
            ],
            options={
                "table": "course",
                "app": "records",
                "pk_attr": "id",
                "table_description": "培训: a course for teachers, from a day to a day. Whether it takes people is written by `training.courses` alone.",
            },
            bases=["Model"],
        ),
        ops.CreateModel(
            name="CoursePrice",
            fields=[
                ("id", fields.BigIntField(generated=True, primary_key=True, unique=True, db_index=True)),
                (
                    "course",
                    fields.ForeignKeyField(
                        "records.Course",
                        source_field="course_id",
                        db_constraint=True,
                        to_field="id",
                        related_name="prices",
                        on_delete=OnDelete.RESTRICT,
                    ),
                ),
                ("amount_fen", fields.IntField()),
                ("from_on", fields.DateField()),
                ("to_on", fields.DateField(null=True)),
                ("set_by", fields.BigIntField()),
                ("set_by_name", fields.CharField(max_length=100)),
                ("set_at", fields.DatetimeField(auto_now=False, auto_now_add=False)),
            ],
            options={
                "table": "course_price",
                "app": "records",
                "pk_attr": "id",
                "table_description": "What a course costs whoever is enrolled between two days. Never changed, only ended.",
            },
            bases=["Model"],
        ),
        ops.CreateModel(
            name="CourseEnrolment",
            fields=[
                ("id", fields.BigIntField(generated=True, primary_key=True, unique=True, db_index=True)),
                (
                    "course",
                    fields.ForeignKeyField(
                        "records.Course",
                        source_field="course_id",
                        db_constraint=True,
                        to_field="id",
                        related_name="enrolments",
                        on_delete=OnDelete.RESTRICT,
                    ),
                ),
                (
                    "school",
                    fields.ForeignKeyField(
                        "records.School",
                        source_field="school_id",
                        db_constraint=True,
                        to_field="id",
                        related_name="enrolments",
                        on_delete=OnDelete.RESTRICT,
                    ),
                ),
                (
                    "price",
                    fields.ForeignKeyField(
                        "records.CoursePrice",
                        source_field="price_id",
                        db_constraint=True,
                        to_field="id",
                        related_name="enrolments",
                        on_delete=OnDelete.RESTRICT,
                    ),
                ),
                ("name", fields.CharField(max_length=100)),
                ("phone_sealed", fields.BinaryField()),
                ("phone_index", fields.BinaryField()),
                ("enrolled_by", fields.BigIntField()),
                ("enrolled_by_name", fields.CharField(max_length=100)),
                ("enrolled_at", fields.DatetimeField(auto_now=False, auto_now_add=False)),
            ],
            options={
                "table": "course_enrolment",
                "app": "records",
                "pk_attr": "id",
                "table_description": "A person in a course, whose school pays. The phone is sealed; `phone_index` finds the same person again.",
            },
            bases=["Model"],
        ),
        ops.AlterField(
            model_name="Fee",
            name="registration",
            field=fields.ForeignKeyField(
                "records.Registration",
                source_field="registration_id",
                null=True,
                db_constraint=True,
                to_field="id",
                related_name="fees",
                on_delete=OnDelete.RESTRICT,
            ),
        ),
        ops.AlterField(
            model_name="Fee",
            name="price",
            field=fields.ForeignKeyField(
                "records.Price",
                source_field="price_id",
                null=True,
                db_constraint=True,
                to_field="id",
                related_name="fees",
                on_delete=OnDelete.RESTRICT,
            ),
        ),
        ops.AlterField(
            model_name="Fee",
            name="candidate",
            field=fields.ForeignKeyField(
                "records.Candidate",
                source_field="candidate_id",
                null=True,
                db_constraint=True,
                to_field="id",
                related_name="fees",
                on_delete=OnDelete.RESTRICT,
            ),
        ),
        ops.AddField(
            model_name="Fee",
            name="enrolment",
            field=fields.ForeignKeyField(
                "records.CourseEnrolment",
                source_field="enrolment_id",
                null=True,
                db_constraint=True,
                to_field="id",
                related_name="fees",
                on_delete=OnDelete.RESTRICT,
            ),
        ),
        ops.AlterModelOptions(
            name="Fee",
            options={
                "table": "fee",
                "app": "records",
                "pk_attr": "id",
                "table_description": "What one registration or one enrolment in a course owes: made once, and no later price changes it. `state` is written by `payments.fees`.",
            },
        ),
        ops.RunSQL(STATEMENTS),
    ]
