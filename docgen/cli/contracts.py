"""`docgen contract add`: a contract by whoever runs the service, with accounts for its people."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Annotated

import typer
from rich.table import Table
from sqlalchemy import select

from docgen.access import ROLES, SERVICE, Actor
from docgen.accounts import tokens, users
from docgen.cli.console import command_group, escape, out, print_json
from docgen.cli.options import AsJson
from docgen.cli.sources import read_agreed
from docgen.cli.stores import opened_store
from docgen.contracts import contracts
from docgen.errors import InputUnreadable
from docgen.store.tables import UserRow
from docgen.store.unit_of_work import UnitOfWork
from schemas.contract import Contract, Person
from schemas.vocabulary import Role

app = command_group(
    "合同：建立，并为其中人员建账号。Contracts: make one, with accounts for its people."
)


@dataclass(frozen=True)
class NewAccount:
    """Somebody of the contract, and the token that was made for him (shown once)."""

    username: str
    name: str
    role: str
    token: str


@app.callback()
def _contracts() -> None:
    """Make `add` a command of its group, though it is the only one."""


@app.command("add")
def add_command(
    file: Annotated[Path, typer.Argument(help="合同 JSON，- 为标准输入")],
    as_json: AsJson = False,
) -> None:
    """建立合同，为其中的服务方人员建账号并各发一个令牌（只显示这一次）。

    Make a contract, with an account and a token for each of the provider's people in it. The
    account's name is that of the e-mail address; an account of that name is taken as it is.

    退出码: 0 完成; 1 被拒绝; 3 数据目录或数据库不可用。
    """
    with opened_store(as_json) as store, store.change(SERVICE) as unit:
        data, model = read_agreed(file, store.settings)
        accounts = list(_accounts(unit, model))
        contract = contracts.create(_as_pm(unit, accounts), data)
        for account in accounts:
            contracts.add_member(_as_pm(unit, accounts), contract.id, account.username)
        created = {"id": contract.id, "contract_no": contract.contract_no}
    if as_json:
        print_json(created | {"people": [asdict(account) for account in accounts]})
        return
    out.print(f"合同 {escape(contract.contract_no)} 已建立。Made. id: {created['id']}")
    out.print(_table(accounts))


def _accounts(unit: UnitOfWork, model: Contract) -> Iterator[NewAccount]:
    """Add an account with a token for each of the provider's people."""
    people = [one for one in model.people if one.role in ROLES and one.role is not Role.admin]
    if not any(one.role is Role.pm for one in people):
        raise InputUnreadable("no_project_manager", place="/people")
    for person in people:
        username = _username(person)
        user = unit.session.scalar(select(UserRow).where(UserRow.username == username))
        if user is None:
            new = users.NewUser(username, person.name, person.role, person.email)
            user = users.add(unit, new)
        _, text = tokens.create(unit, user, f"contract {model.contract_no}")
        yield NewAccount(username, user.name, user.role, text)


def _username(person: Person) -> str:
    """Return the local part of the e-mail address. InputUnreadable: no_email."""
    name = re.sub(r"[^a-z0-9._-]", "-", (person.email or "").partition("@")[0].lower())
    if not users.USERNAME.fullmatch(name):
        raise InputUnreadable("no_email", place="/people", value=person.email, name=person.name)
    return name


def _as_pm(unit: UnitOfWork, accounts: list[NewAccount]) -> UnitOfWork:
    """Return the unit as the project manager's, who keeps the contract."""
    manager = next(one for one in accounts if one.role == Role.pm)
    user = users.by_username(unit.session, manager.username)
    unit.actor = Actor(user.id, user.name, user.role)
    return unit


def _table(accounts: list[NewAccount]) -> Table:
    table = Table("登录名", "姓名", "角色", "令牌 token（只显示这一次）")
    for one in accounts:
        table.add_row(escape(one.username), escape(one.name), Role[one.role].label("zh"), one.token)
    return table
