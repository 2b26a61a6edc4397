"""The salt of each certificate's hash of the identity number."""

from tortoise import fields, migrations
from tortoise.migrations import operations as ops


class Migration(migrations.Migration):
    dependencies = [("records", "0022_bank_refunds")]

    initial = False

    operations = [
        ops.AddField(model_name="Certificate", name="id_salt_sealed", field=fields.BinaryField(null=True)),
    ]
