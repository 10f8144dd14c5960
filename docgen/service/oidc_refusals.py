"""What is told when single sign-on does not work; of the provider's words only its error codes."""

from __future__ import annotations

import re
from urllib.parse import urlsplit

from docgen.errors import DocgenError, NotAllowed, NotSignedIn, SettingWrong
from docgen.settings import OIDC, PREFIX

ERROR = re.compile(r"[a-z_]{1,64}")  # RFC 6749, 4.1.2.1 and 5.2


def failed(reason: str | None = "") -> NotSignedIn:
    """Say that it did not work, with the code that the provider or the check of its token gave."""
    code = reason if reason and ERROR.fullmatch(reason) else ""
    return NotSignedIn(
        "oidc_failed",
        f"单点登录未完成{'：' + code if code else ''}",
        f"Single sign-on did not succeed{': ' + code if code else ''}",
        hint_zh="请从 /api/v1/oidc/login 重新开始；在十分钟内、用同一浏览器完成。",
        hint_en="Begin again at /api/v1/oidc/login; finish in ten minutes, in the same browser.",
        value=code or None,
    )


def unknown_person() -> NotAllowed:
    """Say that nobody here is known by this identity; accounts are made by administrators."""
    return NotAllowed(
        "oidc_unknown_person",
        "没有与此身份对应的账号",
        "There is no account for this identity",
        hint_zh="请管理员添加账号并填写您在单点登录中已验证的邮箱。",
        hint_en="Ask an administrator for an account with the e-mail address that was verified.",
    )


def unavailable(issuer: str) -> DocgenError:
    """Say that the provider cannot be reached, or is none."""
    host = urlsplit(issuer).hostname
    return DocgenError(
        "oidc_unavailable",
        f"单点登录服务 {host} 不可用，或应答不合规范",
        f"The sign-in service {host} cannot be reached, or answers wrongly",
        hint_zh="请稍后再试，或用密码登录；管理员请核对 DOCGEN_OIDC_ISSUER。",
        hint_en="Try again later, or use a password; administrators check DOCGEN_OIDC_ISSUER.",
    )


def incomplete(name: str) -> SettingWrong:
    """Say that one of the settings that go together is missing."""
    variable = PREFIX + name.upper()
    return SettingWrong(
        "oidc_incomplete",
        f"单点登录缺少设置 {variable}",
        f"Single sign-on lacks the setting {variable}",
        hint_zh="四项都设或都不设：" + ", ".join(PREFIX + one.upper() for one in OIDC),
        hint_en="Set all or none: " + ", ".join(PREFIX + one.upper() for one in OIDC),
        place=variable,
    )


def not_https(name: str, value: str) -> SettingWrong:
    """Say that an address would carry secrets in the open."""
    variable = PREFIX + name.upper()
    return SettingWrong(
        "oidc_not_https",
        f"{variable} 应以 https:// 开头",
        f"{variable} begins with https://",
        hint_zh="只有本机地址可用 http。",
        hint_en="Only an address of this machine may use http.",
        place=variable,
        value=value,
    )
