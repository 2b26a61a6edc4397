"""Who makes a certificate now, and until when another has to keep off."""

from tortoise import fields, migrations
from tortoise.migrations import operations as ops


class Migration(migrations.Migration):
    dependencies = [("records", "0010_web")]

    initial = False

    operations = [
        ops.AddField(
            model_name="Certificate",
            name="claimed_by",
            field=fields.CharField(db_default="", max_length=16),
        ),
        ops.AddField(model_name="Certificate", name="claimed_until", field=fields.DatetimeField(null=True)),
    ]
