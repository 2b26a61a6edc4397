"""Training courses, what they cost and who takes part, as rows (S48). Money is whole fen."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tortoise import fields

from server.models.record import Model

if TYPE_CHECKING:
    from server.models.people import School


class Course(Model):
    """培训: a course for teachers, from a day to a day. Whether it takes people is written by `training.courses` alone."""

    id = fields.BigIntField(primary_key=True)
    title = fields.CharField(max_length=100)
    from_on = fields.DateField()
    to_on = fields.DateField()
    place = fields.CharField(max_length=100)  # where; of an online course how one gets there, or nothing
    is_online = fields.BooleanField()
    capacity = fields.IntField(null=True)  # empty: no limit
    is_open = fields.BooleanField(default=True)
    created_by = fields.BigIntField()
    created_by_name = fields.CharField(max_length=100)
    created_at = fields.DatetimeField()

    class Meta:
        table = "course"


class CoursePrice(Model):
    """What a course costs whoever is enrolled between two days. Never changed, only ended."""

    id = fields.BigIntField(primary_key=True)
    course: fields.ForeignKeyRelation[Course] = fields.ForeignKeyField(
        "records.Course", related_name="prices", on_delete=fields.RESTRICT
    )
    course_id: int
    amount_fen = fields.IntField()
    from_on = fields.DateField()  # the first day of enrolment to which it applies, in Beijing
    to_on = fields.DateField(null=True)  # the last one; empty: until another is set
    set_by = fields.BigIntField()
    set_by_name = fields.CharField(max_length=100)
    set_at = fields.DatetimeField()

    class Meta:
        table = "course_price"


class CourseEnrolment(Model):
    """A person in a course, whose school pays. The phone is sealed; `phone_index` finds the same person again."""

    id = fields.BigIntField(primary_key=True)
    course: fields.ForeignKeyRelation[Course] = fields.ForeignKeyField(
        "records.Course", related_name="enrolments", on_delete=fields.RESTRICT
    )
    course_id: int
    school: fields.ForeignKeyRelation[School] = fields.ForeignKeyField(
        "records.School", related_name="enrolments", on_delete=fields.RESTRICT
    )
    school_id: int
    price: fields.ForeignKeyRelation[CoursePrice] = fields.ForeignKeyField(
        "records.CoursePrice", related_name="enrolments", on_delete=fields.RESTRICT
    )
    price_id: int
    name = fields.CharField(max_length=100)
    phone_sealed = fields.BinaryField()
    phone_index = fields.BinaryField()  # 32 bytes; unique in a course
    enrolled_by = fields.BigIntField()
    enrolled_by_name = fields.CharField(max_length=100)
    enrolled_at = fields.DatetimeField()
    erased_at = fields.DatetimeField(null=True)

    class Meta:
        table = "course_enrolment"
