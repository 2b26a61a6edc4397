"""Which index key is in force, under which key each encrypted file lies, and the characters of all names."""

from pathlib import Path

from tortoise import fields
from tortoise.migrations import operations as ops

from server.models import migration

STATEMENTS = Path(__file__).with_suffix(".sql").read_text("utf-8")


class Migration(migration.Migration):
    dependencies = [("records", "0047_sorted_money")]

    initial = False

    operations = [
        ops.CreateModel(
            name="IndexEpoch",
            fields=[
                ("id", fields.IntField(generated=False, primary_key=True, unique=True, db_index=True)),
                ("epoch", fields.IntField()),
                ("newest", fields.IntField()),
            ],
            options={
                "table": "index_epoch",
                "app": "records",
                "pk_attr": "id",
                "table_description": "One row: the `index` key that identity numbers are written under now, and the newest that ever was.",
            },
            bases=["Model"],
        ),
        ops.CreateModel(
            name="SealedFile",
            fields=[
                ("key", fields.CharField(primary_key=True, unique=True, db_index=True, max_length=200)),
                ("epoch", fields.IntField()),
            ],
            options={
                "table": "sealed_file",
                "app": "records",
                "pk_attr": "key",
                "table_description": "An encrypted file that is known to lie under this `field` key, so that it need not be read to know it.",
            },
            bases=["Model"],
        ),
        ops.CreateModel(
            name="NameCharacter",
            fields=[
                ("character", fields.CharField(primary_key=True, unique=True, db_index=True, max_length=1)),
            ],
            options={
                "table": "name_character",
                "app": "records",
                "pk_attr": "character",
                "table_description": "A character that somebody's name has or had: a trigger on `candidate` writes it. Whose is not said.",
            },
            bases=["Model"],
        ),
        ops.RunSQL(STATEMENTS),
    ]
