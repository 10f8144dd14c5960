"""The texts of messages about signing links, in both languages; no header can be slipped in."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime
from typing import Literal

from schemas.problems import SHANGHAI

Kind = Literal["invitation", "reminder"]
MOST_LISTED = 20
SUBJECTS = {"invitation": "请签署 Please sign", "reminder": "提醒：请签署 Reminder: please sign"}
BODY = """\
{name}，您好：

请打开下面的链接，审阅并签署{customer}的文档：
Please open the link below, read and sign:

{documents}

{url}

链接只供您本人使用，有效期至 {until}（北京时间）。{code_zh}
The link is for you alone, and valid until {until} (Beijing time). {code_en}
如有疑问，请联系发起人 {maker}。Questions? Ask {maker}, who sent it.
"""


@dataclass(frozen=True)
class Letter:
    """What a message tells; it is kept sealed, for its address opens the link."""

    kind: str
    name: str
    customer: str
    maker: str
    url: str
    until: str
    with_code: bool
    documents: tuple[str, ...]

    def as_json(self) -> dict[str, object]:
        """As it is sealed."""
        return asdict(self)


def until(moment: datetime) -> str:
    """Return a moment as messages tell it."""
    return moment.astimezone(SHANGHAI).strftime("%Y-%m-%d %H:%M")


def composed(
    letter: Letter, sender: Address, recipient: str, *, now: datetime, name: str
) -> EmailMessage:
    """Write a message; `name` makes its Message-ID, the same at every attempt."""
    message = EmailMessage(policy=SMTP)
    message["From"] = sender
    message["To"] = Address(_plain(letter.name), addr_spec=recipient)
    message["Subject"] = _plain(f"{SUBJECTS[letter.kind]}: {_named(letter.documents)}")
    message["Date"] = format_datetime(now)
    message["Message-ID"] = f"<{name}@{sender.domain}>"
    message["Auto-Submitted"] = "auto-generated"
    message.set_content(
        BODY.format(
            name=_plain(letter.name),
            customer=_plain(letter.customer),
            documents="\n".join(f"  {number}" for number in _listed(letter.documents)),
            url=letter.url,
            until=letter.until,
            maker=_plain(letter.maker),
            code_zh="打开时需要访问码，由发起人另行告知。" if letter.with_code else "",
            code_en="You will be asked for the access code that the sender tells you."
            if letter.with_code
            else "",
        )
    )
    return message


def _named(documents: Sequence[str]) -> str:
    more = f" 等 {len(documents)} 份" if len(documents) > 1 else ""
    return documents[0] + more


def _listed(documents: Sequence[str]) -> list[str]:
    more = ["…"] if len(documents) > MOST_LISTED else []
    return [*documents[:MOST_LISTED], *more]


def _plain(text: str) -> str:
    """Return a text of one line, without control characters."""
    return "".join(one if one.isprintable() else " " for one in text)
