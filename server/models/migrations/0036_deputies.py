"""Officers for a time, and how a school's examination office is reached."""

from tortoise import fields
from tortoise.migrations import operations as ops

from server.models import migration


class Migration(migration.Migration):
    dependencies = [("records", "0035_release_requests")]

    initial = False

    operations = [
        ops.AddField(model_name="Officer", name="until", field=fields.DateField(null=True)),
        ops.AddField(
            model_name="School",
            name="contact",
            field=fields.CharField(default="", db_default="", max_length=100),
        ),
    ]
