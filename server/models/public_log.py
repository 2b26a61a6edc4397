"""The public log of issuing as rows: what waits to be logged, what is logged, and the heads that were signed."""

from __future__ import annotations

from tortoise import fields

from server.models.record import Model


class LogOutboxEntry(Model):
    """An event that has no place in the log yet; written in the transaction that it tells of, moved by the sequencer."""

    id = fields.BigIntField(primary_key=True)
    event = fields.CharField(max_length=12)
    certificate = fields.BinaryField()  # what stands for it in the log: SHA-256
    entry = fields.BinaryField()  # as it will be published
    created_at = fields.DatetimeField()

    class Meta:
        table = "log_outbox"


class LogEntry(Model):
    """A line of the log, for ever: refused to be changed or deleted by the database."""

    index = fields.BigIntField(primary_key=True, generated=False)  # from 0, without a gap
    event = fields.CharField(max_length=12)
    certificate = fields.BinaryField()
    entry = fields.BinaryField()

    class Meta:
        table = "log_entry"


class LogCheckpoint(Model):
    """A head of the log that was signed, for ever."""

    size = fields.BigIntField(primary_key=True, generated=False)
    root = fields.BinaryField()
    note = fields.TextField()  # with our signatures
    created_at = fields.DatetimeField()

    class Meta:
        table = "log_checkpoint"


class LogCosignature(Model):
    """A witness's newest signature under a checkpoint."""

    id = fields.BigIntField(primary_key=True)
    size = fields.BigIntField()
    witness = fields.CharField(max_length=200)  # its key, as it is configured
    line = fields.TextField()
    signed_at = fields.DatetimeField()  # as the witness says

    class Meta:
        table = "log_cosignature"


class LogHead(Model):
    """The one row that says who writes the log now, why it stands still, and how far older certificates are looked through."""

    id = fields.IntField(primary_key=True, generated=False)  # always 1
    origin = fields.CharField(max_length=200, default="")
    writer = fields.CharField(max_length=32, default="")
    writer_until = fields.DatetimeField(null=True)  # by the database's clock
    stopped_reason = fields.CharField(max_length=300, default="")
    stopped_at = fields.DatetimeField(null=True)
    looked_through = fields.BigIntField(default=0)  # certificates up to this row are known to be logged
    complete_at = fields.DatetimeField(null=True)  # when the last look through all of them ended

    class Meta:
        table = "log_head"
