"""Compose the messages about signing links, in both languages; sends nothing.

No text of a user reaches a header unchecked (header injection).
"""

from __future__ import annotations

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
CODE_ZH = "打开时需要访问码，由发起人另行告知。"
CODE_EN = "You will be asked for the access code that the sender tells you."


@dataclass(frozen=True)
class Letter:
    """The contents of a message; it is stored sealed, because its URL opens the link."""

    kind: str
    name: str
    customer: str
    maker: str
    url: str
    until: str
    with_code: bool
    documents: tuple[str, ...]

    def as_json(self) -> dict[str, object]:
        """Return the contents as JSON values, as they are sealed."""
        return asdict(self)


def until(moment: datetime) -> str:
    """Return a time as messages print it, in Beijing time."""
    return moment.astimezone(SHANGHAI).strftime("%Y-%m-%d %H:%M")


def composed(
    letter: Letter, sender: Address, recipient: str, *, now: datetime, name: str
) -> EmailMessage:
    """Return a message; `name` makes its Message-ID, the same at every attempt."""
    numbers = letter.documents
    subject = numbers[0] + (f" 等 {len(numbers)} 份" if len(numbers) > 1 else "")
    listed = [*numbers[:MOST_LISTED], *(["…"] if len(numbers) > MOST_LISTED else [])]
    message = EmailMessage(policy=SMTP)
    message["From"] = sender
    message["To"] = Address(_one_line(letter.name), addr_spec=recipient)
    message["Subject"] = _one_line(f"{SUBJECTS[letter.kind]}: {subject}")
    message["Date"] = format_datetime(now)
    message["Message-ID"] = f"<{name}@{sender.domain}>"
    message["Auto-Submitted"] = "auto-generated"  # RFC 3834, 5: nobody's absence answers it
    message.set_content(
        BODY.format(
            name=_one_line(letter.name),
            customer=_one_line(letter.customer),
            documents="\n".join(f"  {number}" for number in listed),
            url=letter.url,
            until=letter.until,
            maker=_one_line(letter.maker),
            code_zh=CODE_ZH if letter.with_code else "",
            code_en=CODE_EN if letter.with_code else "",
        )
    )
    return message


def _one_line(text: str) -> str:
    """Replace line breaks and control characters by blanks."""
    return "".join(one if one.isprintable() else " " for one in text)
