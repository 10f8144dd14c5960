"""Steps of the workflow without documents: rules are tested by the hundred, rendering elsewhere."""

from __future__ import annotations

from typing import Any

from sqlalchemy import select

from docgen.access import Actor
from docgen.store.tables import RecordRow, UserRow
from docgen.workflow import archiving, review, submission
from docgen.workflow.review import PaperSignature, StatedOpinion
from schemas.envelope import Opinion
from schemas.values import parse_day
from schemas.vocabulary import Role
from tests.service import Team

AGREED = StatedOpinion(Opinion.agree)


def actor(team: Team, who: str) -> Actor:
    """Return somebody of the team as the services see them."""
    with team.store.reading() as session:
        user = session.scalars(select(UserRow).where(UserRow.username == who)).one()
        return Actor(user.id, user.name, user.role)


def submit(team: Team, record: Any, who: str = "zhangwei") -> None:
    """Submit a draft. Raises as `submission` does."""
    by = actor(team, who)
    prepared = submission.prepare(team.store, by, record["id"], "*")
    with team.store.change(by) as unit:
        submission.finish(unit, prepared, {})


def sign(team: Team, record: Any, who: str, stated: StatedOpinion = AGREED) -> None:
    """Sign the newest version as leader or pm."""
    with team.store.change(actor(team, who)) as unit:
        where = (record["id"], _newest(team, record))
        review.record_signoff(unit, review.own_signoff(unit, where, stated, lock=True), None)


def paper(
    team: Team, record: Any, role: Role, name: str, day: str, stated: StatedOpinion = AGREED
) -> None:
    """Record a customer's signature with a scan."""
    scan = team.scan(record)
    given = PaperSignature(role, name, parse_day(day), scan)
    with team.store.change(actor(team, "zhangwei")) as unit:
        where = (record["id"], _newest(team, record))
        review.record_signoff(
            unit, review.paper_signoff(unit, where, given, stated, lock=True), None
        )


def archive(team: Team, record: Any, who: str = "zhangwei") -> None:
    """Archive the newest version."""
    by = actor(team, who)
    prepared = archiving.prepare(team.store, by, record["id"])
    with team.store.change(by) as unit:
        archiving.finish(unit, prepared, {})


def problems(team: Team, record: Any, who: str = "zhangwei") -> list[tuple[str, str]]:
    """Return pointer and code of everything that is told of a draft."""
    found = team.made(team.get(who, f"/records/{record['id']}/problems"), 200)
    return [(one["pointer"], one["code"]) for one in found["problems"]]


def change(team: Team, record: Any, who: str = "zhangwei", **changes: Any) -> Any:
    """Change fields of a draft; None leaves one out."""
    content = team.get(who, f"/records/{record['id']}").json()["current"]["content"] | changes
    content = {name: value for name, value in content.items() if value is not None}
    answer = team.ask(
        who, "PUT", f"/records/{record['id']}", json=content, headers={"If-Match": "*"}
    )
    return team.made(answer, 200)


def _newest(team: Team, record: Any) -> int:
    with team.store.reading() as session:
        number = session.scalar(select(RecordRow.number).where(RecordRow.id == record["id"]))
        assert number
        return number
