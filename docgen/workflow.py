"""The states of a document and the steps between them. Pure; who is missing is asked elsewhere.

draft → submitted → in_review → approved → archived
             any of these but the last → returned (disagree) or void
"""

from __future__ import annotations

from enum import StrEnum

from docgen.errors import TransitionRefused
from schemas.envelope import Status
from schemas.problems import Problem, error


class Step(StrEnum):
    """What people do to a document."""

    submit = "submit"
    begin_review = "begin_review"
    sign = "sign"
    archive = "archive"
    void = "void"
    revise = "revise"


OPEN = frozenset({Status.submitted, Status.in_review})
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
WORDS: dict[Step, tuple[str, str]] = {
    Step.submit: ("提交", "submit"),
    Step.begin_review: ("开始审阅", "begin the review"),
    Step.sign: ("签署", "sign"),
    Step.archive: ("归档", "archive"),
    Step.void: ("作废", "void"),
    Step.revise: ("修订", "revise"),
}
HINTS: dict[Status, tuple[str, str]] = {
    Status.draft: ("请先提交。", "Submit it first."),
    Status.returned: (
        "已退回，请建立修订版（R1 …）修改后再提交。",
        "It was returned: make a revision (R1 …), change that and submit it.",
    ),
    Status.approved: ("已批准，可以归档。", "It is approved and can be archived."),
    Status.archived: (
        "已归档的版本不再更改；需要更改请建立修订版（R1 …）。",
        "An archived version never changes; make a revision (R1 …) to change it.",
    ),
    Status.void: ("已作废，请另建单据。", "It is void; make another record."),
    Status.submitted: ("已提交，内容已固定。", "It is submitted, and its content fixed."),
    Status.in_review: ("正在审阅，内容已固定。", "It is in review, and its content fixed."),
}


def wrong_state(step: Step, state: str) -> list[Problem]:
    """Return the problem that `step` cannot be taken in `state`, or nothing."""
    now = Status[state]
    if now in FROM[step]:
        return []
    zh, en = HINTS[now]
    verb = dict(zip(("zh", "en"), WORDS[step], strict=True))
    return [error("status", "wrong_state", now, step=verb, way={"zh": zh, "en": en})]


def refuse(step: Step, problems: list[Problem]) -> None:
    """Raise TransitionRefused with everything in the way of `step`, if there is anything."""
    if problems:
        zh, en = WORDS[step]
        raise TransitionRefused(
            f"不能{zh}：有 {len(problems)} 处未满足",
            f"Cannot {en}: {len(problems)} things are in the way",
            problems,
        )
