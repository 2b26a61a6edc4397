"""Schools, sites, candidates, bindings, officers and staff, as rows."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tortoise import fields

from server.models.record import Model

if TYPE_CHECKING:
    from server.models.certificate_kinds import CertificateKind


class School(Model):
    """院校."""

    id = fields.BigIntField(primary_key=True)
    name = fields.CharField(max_length=100, unique=True)
    contact = fields.CharField(
        max_length=100, default="", db_default=""
    )  # how candidates reach its examination office
    created_at = fields.DatetimeField(auto_now_add=True)

    class Meta:
        table = "school"


class Site(Model):
    """考核站点: school × certificate × level; its name is built, never typed (S52)."""

    id = fields.BigIntField(primary_key=True)
    school: fields.ForeignKeyRelation[School] = fields.ForeignKeyField(
        "records.School", related_name="sites", on_delete=fields.RESTRICT
    )
    school_id: int
    kind: fields.ForeignKeyRelation[CertificateKind] = fields.ForeignKeyField(
        "records.CertificateKind", related_name="sites", on_delete=fields.RESTRICT
    )
    kind_id: int
    level = fields.CharField(max_length=12)  # primary | intermediate | advanced
    name = fields.CharField(max_length=200, unique=True)
    is_open = fields.BooleanField(default=True)
    created_at = fields.DatetimeField(auto_now_add=True)

    class Meta:
        table = "site"


class Candidate(Model):
    """考生. The identity number and the phone are sealed; `id_index` finds them."""

    id = fields.BigIntField(primary_key=True)
    name = fields.CharField(max_length=100)
    id_kind = fields.CharField(max_length=30, default="居民身份证")
    id_sealed = fields.BinaryField()
    id_index = fields.BinaryField()  # 32 bytes; unique
    mobile_sealed = fields.BinaryField(null=True)  # as the school imported it
    given_phone_sealed = fields.BinaryField(null=True)  # as the holder gave it in the mini-program
    given_phone_at = fields.DatetimeField(null=True)
    mobile_index = fields.BinaryField(null=True)  # blind, both: written by people.candidate_phones alone
    given_phone_index = fields.BinaryField(null=True)
    kind = fields.CharField(max_length=10)  # school | social
    school: fields.ForeignKeyNullableRelation[School] = fields.ForeignKeyField(
        "records.School", related_name="candidates", null=True, on_delete=fields.RESTRICT
    )
    school_id: int | None
    major_code = fields.CharField(max_length=20, default="")
    major_name = fields.CharField(max_length=60, default="")
    major_version = fields.CharField(max_length=20, default="")
    major_tier = fields.CharField(max_length=20, default="")
    photo_key = fields.CharField(max_length=200, default="")
    created_at = fields.DatetimeField(auto_now_add=True)
    updated_at = fields.DatetimeField(auto_now=True)
    erased_at = fields.DatetimeField(
        null=True
    )  # from then on nobody can be found by this row: domain.privacy

    class Meta:
        table = "candidate"


class NameCharacter(Model):
    """A character that somebody's name has or had: a trigger on `candidate` writes it. Whose is not said."""

    character = fields.CharField(max_length=1, primary_key=True)

    class Meta:
        table = "name_character"


class Binding(Model):
    """身份绑定: openid ↔ candidate in one account; at most one living row each way."""

    id = fields.BigIntField(primary_key=True)
    account = fields.CharField(max_length=2)  # oa | mp
    openid = fields.CharField(max_length=64)
    unionid = fields.CharField(max_length=64, default="")
    candidate: fields.ForeignKeyRelation[Candidate] = fields.ForeignKeyField(
        "records.Candidate", related_name="bindings", on_delete=fields.RESTRICT
    )
    candidate_id: int
    bound_at = fields.DatetimeField()
    unbound_at = fields.DatetimeField(null=True)

    class Meta:
        table = "binding"


class Follower(Model):
    """Who follows the official account, as far as pushes told us."""

    openid = fields.CharField(max_length=64, primary_key=True)
    is_following = fields.BooleanField()
    changed_at = fields.DatetimeField()

    class Meta:
        table = "follower"


class Officer(Model):
    """院校签发负责人: a person with the right to sign for one school."""

    id = fields.BigIntField(primary_key=True)
    school: fields.ForeignKeyRelation[School] = fields.ForeignKeyField(
        "records.School", related_name="officers", on_delete=fields.RESTRICT
    )
    school_id: int
    name = fields.CharField(max_length=100)
    mobile_sealed = fields.BinaryField(null=True)
    mobile_index = fields.BinaryField(null=True)  # 32 bytes; one living officer for each number
    # invited | pending | active | suspended | withdrawn: see domain.people.officer_life
    state = fields.CharField(max_length=12, default="invited")
    invitation_hash = fields.BinaryField(null=True)
    invitation_expires_at = fields.DatetimeField(null=True)
    invitation_failures = fields.IntField(default=0, db_default=0)  # wrong last digits of the phone
    oa_openid = fields.CharField(max_length=64, default="")
    mp_openid = fields.CharField(max_length=64, default="")
    pin_hash = fields.CharField(max_length=200, default="")
    pin_failures = fields.IntField(default=0)
    pin_locked_until = fields.DatetimeField(null=True)
    created_at = fields.DatetimeField(auto_now_add=True)
    suspended_at = fields.DatetimeField(null=True)
    until = fields.DateField(null=True)  # of a deputy: the last day (Beijing) on which they sign
    erased_at = fields.DatetimeField(null=True)

    class Meta:
        table = "officer"


class OfficerBacker(Model):
    """Who of the staff stands behind an officer: invited, resumed or confirmed. They do not sign for that school."""

    id = fields.BigIntField(primary_key=True)
    officer: fields.ForeignKeyRelation[Officer] = fields.ForeignKeyField(
        "records.Officer", related_name="backers", on_delete=fields.RESTRICT
    )
    officer_id: int
    staff_id = fields.BigIntField(null=True)  # None: the system, at a first start
    role = fields.CharField(max_length=12)  # the account's role at that time
    act = fields.CharField(max_length=10)  # invited | resumed | confirmed
    at = fields.DatetimeField()

    class Meta:
        table = "officer_backer"


class Staff(Model):
    """工作人员, and a school's console account when `school` is set."""

    id = fields.BigIntField(primary_key=True)
    username = fields.CharField(max_length=60, unique=True)
    name = fields.CharField(max_length=100)
    role = fields.CharField(max_length=12)  # operator issuer finance notifier auditor admin school
    school: fields.ForeignKeyNullableRelation[School] = fields.ForeignKeyField(
        "records.School", related_name="staff", null=True, on_delete=fields.RESTRICT
    )
    school_id: int | None
    password_hash = fields.CharField(max_length=200)
    must_change_password = fields.BooleanField(default=True)
    otp_sealed = fields.BinaryField(null=True)
    otp_last_step = fields.BigIntField(default=0)  # the last time step a code was taken for: no code twice
    is_active = fields.BooleanField(default=True)
    session_epoch = fields.IntField(default=1)  # one more ends every session
    login_epoch = fields.IntField(default=1, db_default=1)  # one more forgets the counted log-in tries
    has_passkey = fields.BooleanField(default=False, db_default=False)  # as the rows of `Passkey` say
    recovery_codes: fields.Field[list[str] | None] = fields.JSONField(
        null=True
    )  # hex of keyed hashes, each good once
    created_at = fields.DatetimeField(auto_now_add=True)
    erased_at = fields.DatetimeField(null=True)

    class Meta:
        table = "staff"


class Passkey(Model):
    """通行密钥 of an account: the public half of a key that stays in somebody's device."""

    id = fields.BigIntField(primary_key=True)
    staff: fields.ForeignKeyRelation[Staff] = fields.ForeignKeyField(
        "records.Staff", related_name="passkeys", on_delete=fields.CASCADE
    )
    staff_id: int
    label = fields.CharField(max_length=60)
    credential_id = fields.BinaryField()  # unique
    public_key = fields.BinaryField()  # COSE
    sign_count = fields.BigIntField()
    is_backed_up = fields.BooleanField()
    created_at = fields.DatetimeField()
    last_used_at = fields.DatetimeField(null=True)

    class Meta:
        table = "passkey"


class LoginWeChat(Model):
    """The WeChat (openid in the official account) by which somebody logs in to the console; one for each account."""

    id = fields.BigIntField(primary_key=True)
    staff: fields.ForeignKeyRelation[Staff] = fields.ForeignKeyField(
        "records.Staff", related_name="login_wechats", on_delete=fields.CASCADE
    )
    staff_id: int
    openid = fields.CharField(max_length=64)
    bound_at = fields.DatetimeField()

    class Meta:
        table = "login_wechat"


class StaffChange(Model):
    """账号变更: what two administrators do to an account; see domain.people.staff_change_states."""

    id = fields.BigIntField(primary_key=True)
    staff: fields.ForeignKeyRelation[Staff] = fields.ForeignKeyField(
        "records.Staff", related_name="changes", on_delete=fields.RESTRICT
    )
    staff_id: int
    act = fields.CharField(max_length=20)  # reset_password | drop_second_factor | set_role
    was_role = fields.CharField(max_length=12, default="")  # with set_role: before and after
    role = fields.CharField(max_length=12, default="")
    school: fields.ForeignKeyNullableRelation[School] = fields.ForeignKeyField(
        "records.School", related_name="staff_changes", null=True, on_delete=fields.RESTRICT
    )
    school_id: int | None
    reason = fields.CharField(max_length=300)
    state = fields.CharField(max_length=10, default="requested")
    asked_by = fields.BigIntField()
    asked_by_name = fields.CharField(max_length=100)
    asked_at = fields.DatetimeField()
    decided_by = fields.BigIntField(null=True)
    decided_by_name = fields.CharField(max_length=100, default="")
    decided_at = fields.DatetimeField(null=True)
    note = fields.CharField(max_length=300, default="")

    class Meta:
        table = "staff_change"


class ConsoleSession(Model):
    """A log-in to the console, as its account and administrators see it. That one is over, `EndedSession` says."""

    id = fields.CharField(max_length=32, primary_key=True)
    staff: fields.ForeignKeyRelation[Staff] = fields.ForeignKeyField(
        "records.Staff", related_name="sessions", on_delete=fields.CASCADE
    )
    staff_id: int
    epoch = fields.IntField()  # the account's session_epoch: one more there, and this is over
    way = fields.CharField(max_length=24)  # see domain.auth.session_list
    address = fields.CharField(max_length=45, default="")
    device = fields.CharField(max_length=60, default="")  # in words, of the browser's own
    began_at = fields.DatetimeField()
    last_used_at = fields.DatetimeField()
    expires_at = fields.DatetimeField()

    class Meta:
        table = "console_session"


class EndedSession(Model):
    """A console session that was logged out before its time."""

    id = fields.CharField(max_length=32, primary_key=True)
    expires_at = fields.DatetimeField()

    class Meta:
        table = "ended_session"


class EndedPerson(Model):
    """The moment up to which all sessions of a person in WeChat are over: see domain.people.ended_sessions."""

    id = fields.CharField(max_length=64, primary_key=True)  # blind index of `account:openid`, in hexadecimal
    ended_at = fields.DatetimeField()

    class Meta:
        table = "ended_person"


class ApiToken(Model):
    """A machine's way into the console API: only the hash is kept."""

    id = fields.BigIntField(primary_key=True)
    staff: fields.ForeignKeyRelation[Staff] = fields.ForeignKeyField(
        "records.Staff", related_name="api_tokens", on_delete=fields.CASCADE
    )
    staff_id: int
    label = fields.CharField(max_length=60)
    scopes = fields.CharField(max_length=120, default="read", db_default="read")  # see domain.people.scopes
    token_hash = fields.BinaryField()
    created_at = fields.DatetimeField(auto_now_add=True)
    expires_at = fields.DatetimeField()
    revoked_at = fields.DatetimeField(null=True)

    class Meta:
        table = "api_token"
