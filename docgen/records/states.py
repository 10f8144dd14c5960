"""The states of a document and the steps between them. Pure; who is missing is asked elsewhere.

draft → submitted → in_review → approved → archived
             any of these but the last → returned (disagree) or void
"""

from __future__ import annotations

from enum import StrEnum

from docgen.errors import TransitionRefused
from schemas.envelope import Status
from schemas.problems import Problem, error
from schemas.wording import Phrase


class Step(StrEnum):
    """What people do to a document."""

    submit = "submit"
    begin_review = "begin_review"
    sign = "sign"
    archive = "archive"
    void = "void"
    revise = "revise"


OPEN = frozenset({Status.submitted, Status.in_review})  # in which sign-offs are given
# From which states a step can be taken; whether a version that is open may be archived depends on
# who has signed (docgen.workflow.archiving).
FROM: dict[Step, frozenset[Status]] = {
    Step.submit: frozenset({Status.draft}),
    Step.begin_review: frozenset({Status.submitted}),
    Step.sign: OPEN,
    Step.archive: OPEN | {Status.approved},
    Step.void: frozenset(
        {Status.draft, Status.submitted, Status.in_review, Status.returned, Status.approved}
    ),
    Step.revise: frozenset({Status.returned, Status.approved, Status.archived}),
}


def wrong_state(step: Step, state: str) -> list[Problem]:
    """Return the problem that `step` cannot be taken in `state`, or nothing."""
    now = Status[state]
    if now in FROM[step]:
        return []
    verb, way = Phrase(f"workflow_step.{step}"), Phrase(f"way_on.{now}")
    return [error("status", "wrong_state", now, step=verb, way=way)]


def refuse(step: Step, problems: list[Problem]) -> None:
    """Raise TransitionRefused with everything in the way of `step`, if there is anything."""
    if problems:
        verb = Phrase(f"workflow_step.{step}")
        raise TransitionRefused("transition_refused", problems, step=verb)
