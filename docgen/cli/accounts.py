"""`docgen user` and `docgen token`: accounts and tokens, by whoever runs the service."""

from __future__ import annotations

import getpass
import sys
from contextlib import closing
from typing import Annotated

import typer
from rich.table import Table

from docgen.access import ROLES, SERVICE
from docgen.accounts import passwords, tokens, users
from docgen.cli.console import command_group, escape, out, print_json, print_result
from docgen.cli.options import AsJson
from docgen.cli.stores import changing, opened_store, reading
from docgen.settings import Settings
from docgen.store.tables import ApiTokenRow, UserRow
from docgen.store.unit_of_work import Store

users_app = command_group("账号：添加、列出、停用、设密码。Accounts: add, list, disable, password.")
tokens_app = command_group("API 令牌：生成、列出、吊销。API tokens: create, list, revoke.")
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
    with opened_store(as_json) as store:
        kept = None if no_password else passwords.hashed(_password(password_stdin), username)
        new = users.NewUser(username, name or username, role, email or None, kept)
        with store.change(SERVICE) as unit:
            user = users.add(unit, new)
            added = {"id": user.id, "username": user.username, "role": user.role}
    print_result(added, f"已添加 {username}（{role}）。Added.", as_json=as_json)


@users_app.command("list")
def list_command(as_json: AsJson = False) -> None:
    """列出账号。List accounts."""
    with reading(as_json) as session:
        rows = [_user_json(user) for user in users.every(session)]
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
    with changing(as_json) as unit:
        user = users.by_username(unit.session, username, lock=True)
        changed = _user_json(users.change(unit, user, users.Changes(disabled=True)))
    print_result(changed, f"已停用 {username}。Disabled.", as_json=as_json)


@users_app.command("password")
def password_command(
    username: Username, password_stdin: PasswordStdin = False, as_json: AsJson = False
) -> None:
    """设新密码：会话结束，锁定解除。Set a new password; sessions end, a lock is lifted.

    退出码: 0 完成; 1 被拒绝; 3 数据目录或数据库不可用。
    """
    with opened_store(as_json) as store:
        kept = passwords.hashed(_password(password_stdin), username)
        with store.change(SERVICE) as unit:
            user = users.by_username(unit.session, username, lock=True)
            changed = _user_json(users.change(unit, user, users.Changes(password_hash=kept)))
    print_result(changed, f"已为 {username} 设新密码。Set.", as_json=as_json)


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
    with changing(as_json) as unit:
        user = users.by_username(unit.session, username)
        token, text = tokens.create(unit, user, name, scopes=scope or (), days=days)
        created = {"id": token.id, "token": text, "expires_at": token.expires_at.isoformat()}
    if as_json:
        print_json(created)
    else:
        sys.stdout.write(text + "\n")  # alone on its line, so that a script can take it


@tokens_app.command("list")
def list_tokens_command(username: Username, as_json: AsJson = False) -> None:
    """列出令牌，从不显示令牌本身。List tokens, never their texts."""
    with reading(as_json) as session:
        user = users.by_username(session, username)
        rows = [_token_json(token) for token in tokens.listed(session, user.id)]
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
    with changing(as_json) as unit:
        user = users.by_username(unit.session, username)
        tokens.revoke(unit, token_id, user.id)
    print_result({"id": token_id}, "已吊销。Revoked.", as_json=as_json)


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


def _token_json(token: ApiTokenRow) -> dict[str, object]:
    return {
        "id": token.id,
        "name": token.name,
        "scopes": token.scopes,
        "created_at": token.created_at.isoformat(),
        "expires_at": token.expires_at.isoformat(),
        "revoked_at": token.revoked_at.isoformat() if token.revoked_at else None,
    }


def _user_json(user: UserRow) -> dict[str, object]:
    return {
        "username": user.username,
        "name": user.name,
        "role": user.role,
        "disabled": user.disabled_at is not None,
    }
