"""What the service's own database role may do: everything with rows, nothing with what is for ever, nothing with tables.

The tables belong to another role, which migrates and restores. Who gets hold of the service's password can then neither
change the trail nor switch off the triggers that guard it.
"""

from __future__ import annotations

from typing import Any

FOR_EVER = ("audit_entry", "audit_link", "log_entry", "log_checkpoint")
_ROLE = "SELECT rolsuper, rolcreaterole OR rolbypassrls AS may_more FROM pg_roles WHERE rolname = $1"
_OWNS = """
SELECT EXISTS (SELECT 1 FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
               WHERE n.nspname = 'public' AND c.relkind IN ('r', 'p') AND pg_has_role($1, c.relowner, 'MEMBER'))
"""
_STATEMENTS = (
    "REVOKE ALL ON ALL TABLES IN SCHEMA public FROM {role}",
    "REVOKE CREATE ON SCHEMA public FROM {role}, PUBLIC",
    "GRANT USAGE ON SCHEMA public TO {role}",
    "GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO {role}",
    "GRANT USAGE, SELECT, UPDATE ON ALL SEQUENCES IN SCHEMA public TO {role}",
    "REVOKE INSERT, UPDATE, DELETE ON tortoise_migrations FROM {role}",
    *(f"REVOKE UPDATE, DELETE ON {table} FROM {{role}}" for table in FOR_EVER),
)
_MAY_CHANGE = f"""
SELECT bool_or(has_table_privilege(current_user, t, 'UPDATE') OR has_table_privilege(current_user, t, 'DELETE')
               OR has_table_privilege(current_user, t, 'TRUNCATE')
               OR pg_has_role(current_user, c.relowner, 'MEMBER'))
FROM unnest(ARRAY{list(FOR_EVER)}) t JOIN pg_class c ON c.oid = t::regclass
"""  # noqa: S608 -- constants


class UnfitRole(Exception):
    """This role cannot be the service's; the message says why."""


async def allow(link: Any, role: str) -> None:
    """Give a role what the service needs and no more, in one transaction; may be repeated. Raises UnfitRole.

    Args:
        link: an asyncpg connection of the tables' owner.
    """
    found = await link.fetchrow(_ROLE, role)
    if found is None:
        raise UnfitRole(f"数据库里没有角色 {role}，请先建立：CREATE ROLE … LOGIN PASSWORD '…'")
    if found["rolsuper"] or found["may_more"]:
        raise UnfitRole(f"角色 {role} 是超级用户或可以管理角色，限制不住，请另建一个普通角色")
    if await link.fetchval(_OWNS, role):
        raise UnfitRole(
            f"数据表属于 {role}（或它所在的角色），限制不住：服务要用另一个角色，数据表的所有者只用来升级和恢复"
        )
    quoted = await link.fetchval("SELECT quote_ident($1)", role)
    async with link.transaction():
        for statement in _STATEMENTS:
            await link.execute(statement.format(role=quoted))


async def may_change_what_is_for_ever(link: Any) -> bool:
    """Whether the role of this connection could change the trail, or switch off what guards it."""
    return bool(await link.fetchval(_MAY_CHANGE))
