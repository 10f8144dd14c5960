"""Security of a database: accounts (never their passwords), audit, patches, exposure."""

from __future__ import annotations

from schemas.fields import Choice, Part, field
from schemas.values import Day, Flag, Instant, Name, Text


class DefaultPassword(Choice):
    """Whether an account still has its default password."""

    yes = "yes", "是", "Yes", "bad"
    no = "no", "否", "No", "good"
    not_checked = "not_checked", "未检查", "Not checked", "muted"


class Account(Part):
    """One database account; never its password."""

    user: Name = field("用户", "User", aliases=("用户名", "账号"))
    status: Name | None = field("账号状态", "Account status", None)
    profile: Name | None = field("概要文件", "Profile", None)
    privilege_level: Name | None = field("权限级别", "Privileges", None)
    last_login_at: Instant | None = field("最近登录", "Last login", None)
    expires_on: Day | None = field("到期日", "Expires on", None)
    default_password: DefaultPassword | None = field("默认口令", "Default password", None)


class Audit(Part):
    """Whether the database's audit is on, and where it writes."""

    on: Flag = field("审计开启", "Audit on")
    trail: Name | None = field("审计目标", "Audit trail", None)


class Security(Part):
    """Accounts, audit, patches and exposure."""

    accounts: list[Account] = field("账号", "Accounts", [])
    audit: Audit | None = field("审计", "Audit", None)
    password_policy: Text | None = field("口令策略", "Password policy", None)
    current_patch: Name | None = field("当前补丁", "Current patch", None)
    latest_patch: Name | None = field("最新补丁", "Latest patch", None)
    exposure: Text | None = field("网络暴露面", "Exposure", None)
    tls: Flag | None = field("传输加密", "TLS", None)
