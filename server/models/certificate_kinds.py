"""Kinds of certificates."""

from tortoise import fields

from server.models.record import Model


class CertificateKind(Model):
    """A kind of certificate; `code` stands in every number."""

    id = fields.BigIntField(primary_key=True)
    code = fields.CharField(max_length=8, unique=True)
    name = fields.CharField(max_length=100, unique=True)

    class Meta:
        table = "certificate_kind"
