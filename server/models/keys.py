"""What is remembered of keys: which of them writes identity numbers, and under which the files lie."""

from __future__ import annotations

from tortoise import fields
from tortoise.models import Model


class IndexEpoch(Model):
    """One row: the `index` key that identity numbers are written under now, and the newest that ever was."""

    id = fields.IntField(primary_key=True, generated=False)
    epoch = fields.IntField()
    newest = fields.IntField()

    class Meta:
        table = "index_epoch"


class SealedFile(Model):
    """An encrypted file that is known to lie under this `field` key, so that it need not be read to know it."""

    key = fields.CharField(max_length=200, primary_key=True)
    epoch = fields.IntField()

    class Meta:
        table = "sealed_file"
