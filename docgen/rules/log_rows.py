"""The rows that a closed ticket leaves in the maintenance log (handbook 2.A.3)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from docgen.rules.handing_over import title_of
from docgen.rules.partial import Plain, line, moment, part, raw_rows
from schemas.chronology import day_of
from schemas.consultation import Satisfaction
from schemas.values import base_number

SUMMARY_LENGTH, ANSWER_LENGTH = 200, 500


def problem_row(code: str, ticket: Plain) -> dict[str, Any]:
    """Return the row of the problem log for an archived ticket."""
    answer = line(ticket, "answer") if code == "ZX" else line(ticket, "plan")
    asked = moment(ticket, "received_at" if code == "ZX" else "reported_at")
    assert asked is not None  # both are mandatory
    row = {
        "occurred_on": day_of(asked).isoformat(),
        "mode": line(ticket, "mode"),
        "ticket_no": line(ticket, "doc_no"),
        "raised_by": line(ticket, "raised_by"),
        "summary": title_of(line(ticket, "description"), SUMMARY_LENGTH),
        "answer": _shortened(answer, ANSWER_LENGTH),
        "engineer": line(ticket, "handler"),
        "result": _result(code, ticket),
    }
    return {name: value for name, value in row.items() if value}


def entry_rows(ticket: Plain) -> list[dict[str, Any]]:
    """Return a defect ticket's changes of configuration as entries of the log.

    A change without a permission of its own was made on the customer's consent to the plan.
    """
    consent = line(part(ticket, "consent"), "by")
    made = []
    for _, change in raw_rows(ticket, "config_changes"):
        row = dict(change) | {"ticket_no": line(ticket, "doc_no")}
        if not row.get("authorised_by") and not row.get("authorization_no"):
            row["authorised_by"] = consent
        made.append(row)
    return made


def replaced(
    rows: Sequence[dict[str, Any]], ticket_no: str, new: Sequence[dict[str, Any]]
) -> list[dict[str, Any]]:
    """Put a ticket's rows in place of those that it (or an earlier revision) left before."""
    of_it = [base_number(line(row, "ticket_no")) == base_number(ticket_no) for row in rows]
    at = of_it.index(True) if True in of_it else len(rows)
    kept = [row for row, its in zip(rows, of_it, strict=True) if not its]
    before = at - sum(of_it[:at])
    return [*kept[:before], *new, *kept[before:]]


def _result(code: str, ticket: Plain) -> str:
    if code == "QX":
        return "已解决"
    if converted := line(ticket, "converted_to"):
        return f"已转 {converted}"
    if satisfaction := line(ticket, "satisfaction"):
        return Satisfaction[satisfaction].label("zh")
    return "已关闭"


def _shortened(text: str, length: int) -> str:
    return text if len(text) <= length else text[: length - 1] + "…"
