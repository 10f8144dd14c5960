"""`docgen user` and `docgen token`: accounts and tokens, by whoever runs the service."""

from __future__ import annotations

import getpass
import sys
from collections.abc import Mapping
from contextlib import closing
from typing import Annotated

import typer
from rich.markup import escape
from rich.table import Table

from docgen.access import ROLES, SERVICE
from docgen.accounts import passwords, tokens, users
from docgen.cli.console import errors_told, out, print_json
from docgen.cli.options import AsJson
from docgen.settings import Settings, load_settings
from docgen.store.tables import ApiTokenRow, UserRow
from docgen.store.unit_of_work import Store

users_app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    help="账号：添加、列出、停用、设密码。Accounts: add, list, disable, password.",
)
tokens_app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    help="API 令牌：生成、列出、吊销。API tokens: create, list, revoke.",
)
Username = Annotated[str, typer.Argument(help="登录名")]
PasswordStdin = Annotated[bool, typer.Option("--password-stdin", help="从标准输入读密码，否则询问")]


@users_app.command("add")
def add_command(
    username: Username,
    role: Annotated[str, typer.Option(help="角色：" + " ".join(ROLES))],
    name: Annotated[str, typer.Option(help="姓名")] = "",
    email: Annotated[str, typer.Option(help="邮箱，单点登录凭它首次关联")] = "",
    password_stdin: PasswordStdin = False,
    no_password: Annotated[bool, typer.Option("--no-password", help="只用令牌或单点登录")] = False,
    as_json: AsJson = False,
) -> None:
    """添加账号。Add an account.

    退出码: 0 完成; 1 被拒绝; 3 数据目录或数据库不可用。
    """
    with errors_told(as_json), closing(Store.open(load_settings())) as store:
        kept = None if no_password else passwords.hashed(_password(password_stdin), username)
        new = users.NewUser(username, name or username, role, email or None, kept)
        with store.change(SERVICE) as unit:
            user = users.add(unit, new)
            told = {"id": user.id, "username": user.username, "role": user.role}
    _tell(told, f"已添加 {username}（{role}）。Added.", as_json)


@users_app.command("list")
def list_command(as_json: AsJson = False) -> None:
    """列出账号。List accounts."""
    with (
        errors_told(as_json),
        closing(Store.open(load_settings())) as store,
        store.reading() as session,
    ):
        rows = [_told(user) for user in users.every(session)]
    if as_json:
        print_json({"users": rows})
        return
    table = Table("登录名", "姓名", "角色", "状态")
    for row in rows:
        state = "停用" if row["disabled"] else ""
        table.add_row(
            escape(str(row["username"])), escape(str(row["name"])), str(row["role"]), state
        )
    out.print(table)


@users_app.command("disable")
def disable_command(username: Username, as_json: AsJson = False) -> None:
    """停用账号：会话立即结束，令牌立即吊销。Disable an account; sessions and tokens end at once.

    退出码: 0 完成; 1 被拒绝; 3 数据目录或数据库不可用。
    """
    with (
        errors_told(as_json),
        closing(Store.open(load_settings())) as store,
        store.change(SERVICE) as unit,
    ):
        user = users.by_username(unit.session, username, lock=True)
        told = _told(users.change(unit, user, users.Changes(disabled=True)))
    _tell(told, f"已停用 {username}。Disabled.", as_json)


@users_app.command("password")
def password_command(
    username: Username, password_stdin: PasswordStdin = False, as_json: AsJson = False
) -> None:
    """设新密码：会话结束，锁定解除。Set a new password; sessions end, a lock is lifted.

    退出码: 0 完成; 1 被拒绝; 3 数据目录或数据库不可用。
    """
    with errors_told(as_json), closing(Store.open(load_settings())) as store:
        kept = passwords.hashed(_password(password_stdin), username)
        with store.change(SERVICE) as unit:
            user = users.by_username(unit.session, username, lock=True)
            told = _told(users.change(unit, user, users.Changes(password_hash=kept)))
    _tell(told, f"已为 {username} 设新密码。Set.", as_json)


@tokens_app.command("create")
def token_command(
    username: Annotated[str, typer.Argument(help="给谁")],
    name: Annotated[str, typer.Option(help="用途")] = "cli",
    scope: Annotated[
        list[str] | None, typer.Option(help="范围 read write admin，可多次；缺省为角色所许")
    ] = None,
    days: Annotated[int, typer.Option(help="有效天数")] = tokens.DAYS,
    as_json: AsJson = False,
) -> None:
    """生成 API 令牌，只显示这一次。Make an API token; it is shown this once.

    退出码: 0 完成; 1 被拒绝; 3 数据目录或数据库不可用。
    """
    with (
        errors_told(as_json),
        closing(Store.open(load_settings())) as store,
        store.change(SERVICE) as unit,
    ):
        user = users.by_username(unit.session, username)
        token, text = tokens.create(unit, user, name, scopes=scope or (), days=days)
        told = {"id": token.id, "token": text, "expires_at": token.expires_at.isoformat()}
    if as_json:
        print_json(told)
    else:
        sys.stdout.write(told["token"] + "\n")


@tokens_app.command("list")
def list_tokens_command(username: Username, as_json: AsJson = False) -> None:
    """列出令牌，从不显示令牌本身。List tokens, never their texts."""
    with (
        errors_told(as_json),
        closing(Store.open(load_settings())) as store,
        store.reading() as session,
    ):
        user = users.by_username(session, username)
        rows = [_token_told(token) for token in tokens.listed(session, user.id)]
    if as_json:
        print_json({"tokens": rows})
        return
    table = Table("标识", "用途", "范围", "到期", "状态")
    for row in rows:
        state = "吊销" if row["revoked_at"] else ""
        cells = (row["id"], row["name"], row["scopes"], row["expires_at"])
        table.add_row(*(escape(str(cell)) for cell in cells), state)
    out.print(table)


@tokens_app.command("revoke")
def revoke_command(
    username: Username,
    token_id: Annotated[str, typer.Argument(help="令牌标识，见 docgen token list")],
    as_json: AsJson = False,
) -> None:
    """立即吊销令牌。Revoke a token at once.

    退出码: 0 完成; 1 被拒绝; 3 数据目录或数据库不可用。
    """
    with (
        errors_told(as_json),
        closing(Store.open(load_settings())) as store,
        store.change(SERVICE) as unit,
    ):
        user = users.by_username(unit.session, username)
        tokens.revoke(unit, token_id, user.id)
    _tell({"id": token_id}, "已吊销。Revoked.", as_json)


def setup_code(settings: Settings) -> str:
    """Open the store once; the code that makes the first administrator, while there is none.

    Raises SettingWrong, OutputRefused, StoreFault.
    """
    from docgen.accounts import oidc, setup

    oidc.provider_of(settings)
    with closing(Store.open(settings)) as store:
        return setup.renew(store)


def _password(from_stdin: bool) -> str:
    if from_stdin:
        return sys.stdin.readline().rstrip("\n")
    return getpass.getpass("密码 Password: ")


def _tell(told: Mapping[str, object], text: str, as_json: bool) -> None:
    if as_json:
        print_json(told)
    else:
        out.print(escape(text))


def _token_told(token: ApiTokenRow) -> dict[str, object]:
    return {
        "id": token.id,
        "name": token.name,
        "scopes": token.scopes,
        "created_at": token.created_at.isoformat(),
        "expires_at": token.expires_at.isoformat(),
        "revoked_at": token.revoked_at.isoformat() if token.revoked_at else None,
    }


def _told(user: UserRow) -> dict[str, object]:
    return {
        "username": user.username,
        "name": user.name,
        "role": user.role,
        "disabled": user.disabled_at is not None,
    }
