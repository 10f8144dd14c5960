"""Who may do what: the roles of the provider, and the abilities that each one has. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from docgen.errors import NotAllowed
from schemas.vocabulary import Role

ROLES = (Role.engineer, Role.expert, Role.pm, Role.leader, Role.admin)


class Ability(StrEnum):
    """Something that only some roles may do (`workflow.md`, "Roles")."""

    read = "read"
    write_records = "write_records"
    review = "review"
    receive = "receive"
    set_up_contracts = "set_up_contracts"
    archive = "archive"
    manage_webhooks = "manage_webhooks"
    administer = "administer"


ABILITIES: dict[str, frozenset[Ability]] = {
    Role.engineer: frozenset({Ability.read, Ability.write_records, Ability.archive}),
    Role.expert: frozenset({Ability.read, Ability.write_records, Ability.archive}),
    Role.pm: frozenset(
        {
            Ability.read,
            Ability.receive,
            Ability.set_up_contracts,
            Ability.archive,
            Ability.manage_webhooks,
        }
    ),
    Role.leader: frozenset(
        {Ability.read, Ability.review, Ability.archive, Ability.manage_webhooks}
    ),
    Role.admin: frozenset({Ability.administer}),
}
SCOPES: dict[str, frozenset[Ability]] = {
    "read": frozenset({Ability.read}),
    "write": frozenset(set(Ability) - {Ability.administer}),
    "admin": frozenset(Ability),
}


@dataclass(frozen=True)
class Actor:
    """Whoever acts: an account, or the service itself (`user_id` None).

    `scopes` limit an API token further than its user's role does; `address` is where from.
    """

    user_id: str | None
    name: str
    role: str
    address: str = ""
    scopes: tuple[str, ...] = tuple(SCOPES)

    def may(self, ability: Ability) -> bool:
        """Whether role and scopes both allow it."""
        granted = frozenset[Ability]().union(*(SCOPES[scope] for scope in self.scopes))
        return ability in ABILITIES.get(self.role, frozenset()) and ability in granted

    def need(self, ability: Ability) -> None:
        """Raise NotAllowed when it may not."""
        if not self.may(ability):
            raise NotAllowed("not_allowed")


SERVICE = Actor(None, "docgen", "service")
