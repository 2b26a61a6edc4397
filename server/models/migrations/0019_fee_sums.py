"""An index that holds all that the sums of fees need."""

from pathlib import Path

from tortoise.migrations import operations as ops

from server.models import migration

STATEMENTS = Path(__file__).with_suffix(".sql").read_text("utf-8")


class Migration(migration.Migration):
    dependencies = [("records", "0018_fund_bills")]

    initial = False

    operations = [
        ops.AlterModelOptions(
            name="Price",
            options={
                "table": "price",
                "app": "records",
                "pk_attr": "id",
                "table_description": "What an examination costs somebody who registers between two days (S57). Ended by the next; withdrawn while unused.",
            },
        ),
        ops.RunSQL(STATEMENTS),
    ]
