"""Mail about signing links, through a real server: sent after commits, tried again, reminders."""

from __future__ import annotations

import datetime as dt
import re
import ssl
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from sqlalchemy import select

from docgen.errors import SettingWrong
from docgen.links.mail_outbox import WAITS
from docgen.links.mail_sender import MailSender
from docgen.mail.messages import Letter, composed
from docgen.mail.smtp import MailServer, hand_over, server_of
from docgen.settings import Settings
from docgen.store.tables import MailRow
from tests.links import Customer, link, submitted
from tests.mailbox import Mailbox, mailbox
from tests.service import Team, at_work
from tests.test_links import noted
from tests.webhooks import until

PUBLIC = "http://testserver"
FROM = "签署 <docgen@example.com>"
URL = re.compile(rf"{PUBLIC}/s/[\w-]{{43}}")
LETTER = Letter("invitation", "刘洋", "华东移动", "张伟", f"{PUBLIC}/s/x", "x", False, ("XJ-1",))


@pytest.fixture
def mails(tmp_path: Path) -> Iterator[Mailbox]:
    with mailbox(tmp_path / "mails") as box:
        yield box


@pytest.fixture(params=["sqlite", "postgresql"])
def team(request: pytest.FixtureRequest, tmp_path: Path, mails: Mailbox) -> Iterator[Team]:
    """The team, whose service sends mail; tests hand it on themselves."""
    url = request.getfixturevalue("database") if request.param == "postgresql" else ""
    sending = {"smtp": f"smtp://127.0.0.1:{mails.port}", "mail_from": FROM, "public_url": PUBLIC}
    with at_work(tmp_path / "data", url, **sending) as made:
        made.contract()
        yield made


def settings(**given: str) -> Settings:
    return Settings(**{"mail_from": FROM, "public_url": PUBLIC} | given)  # type: ignore[arg-type]


def server(**given: str) -> MailServer:
    found = server_of(settings(**given))
    assert found
    return found


def rows(team: Team) -> list[MailRow]:
    with team.store.reading() as session:
        return list(session.scalars(select(MailRow).order_by(MailRow.seq)))


def said(message: Any) -> str:
    return str(message.get_content())


@pytest.mark.enable_socket
def test_an_invitation_leads_to_the_page(team: Team, mails: Mailbox) -> None:
    record = submitted(team)
    made = link(team, record, email="liuyang@example.com")
    assert (made["mail"]["state"], made["problems"]) == ("pending", [])
    [told] = link(team, record, remind_days=[3])["problems"]
    assert (told["pointer"], told["code"]) == ("/remind_days", "reminders_need_email")
    until(lambda: rows(team)[0].state == "sent")
    [message] = mails.messages()
    assert message["To"] == "刘洋 <liuyang@example.com>"
    assert record["doc_no"] in message["Subject"]
    found = URL.search(said(message))
    assert found
    assert found[0] == made["url"]
    assert record["doc_no"] in Customer(team, {"url": found[0]}).get().text
    [mail] = rows(team)
    assert (mail.sealed, mail.attempts) == ("", 1)
    assert noted(team, record)[-1][0] == "link.sent"


@pytest.mark.enable_socket
def test_people_are_reminded_until_they_have_signed(team: Team, mails: Mailbox) -> None:
    record = submitted(team)
    first = link(team, record, email="liuyang@example.com", access_code="314159")
    until(lambda: len(mails.messages()) == 1)
    team.clock.go(days=3)
    until(lambda: len(mails.messages()) == 2)
    reminder = said(mails.messages()[1])
    found = URL.search(reminder)
    assert found
    assert found[0] != first["url"]
    assert "访问码" in reminder
    for url in (found[0], first["url"]):
        assert Customer(team, {"url": url}).get().status_code == 401
    until(lambda: [action for action, *_ in noted(team, record)].count("link.sent") == 2)
    assert "link.reminded" in [action for action, *_ in noted(team, record)]
    team.made(team.post("wangqiang", f"/records/{record['id']}/void", {"reason": "x"}), 200)
    team.clock.go(days=4)
    until(lambda: team.get("zhangwei", f"/links/{first['id']}").json()["reminded"] == 2)
    assert len(mails.messages()) == 2


@pytest.mark.enable_socket
def test_what_fails_is_tried_again_and_given_up(team: Team) -> None:
    record = submitted(team)
    link(team, record, email="nobody@example.com")
    until(lambda: rows(team)[0].state == "failed")
    assert rows(team)[0].failure == "recipient_refused 550"
    assert noted(team, record)[-1][0] == "link.not_sent"
    link(team, record, email="later@example.com")
    for attempt, wait in enumerate(WAITS, 1):
        until(lambda: rows(team)[1].attempts == attempt)  # noqa: B023
        assert rows(team)[1].state == "pending"
        team.clock.now += wait
    until(lambda: rows(team)[1].state == "failed")
    assert rows(team)[1].sealed == ""


@pytest.mark.enable_socket
def test_a_server_that_is_not_there(tmp_path: Path) -> None:
    sending = {"smtp": "smtp://127.0.0.1:9", "mail_from": FROM, "public_url": PUBLIC}
    with at_work(tmp_path / "data", **sending) as team:
        team.contract()
        made = link(team, submitted(team), email="a@example.com")
        until(lambda: rows(team)[0].failure)
        assert rows(team)[0].failure.startswith("unreachable")  # type: ignore[union-attr]
        assert Customer(team, made).get().status_code == 200


# ---------------------------------------------------------------- the server


@pytest.fixture
def certificate(tmp_path: Path) -> tuple[Path, Path]:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
    now = dt.datetime.now(dt.UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - dt.timedelta(days=1))
        .not_valid_after(now + dt.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    paths = tmp_path / "server.pem", tmp_path / "server.key"
    paths[0].write_bytes(made.public_bytes(serialization.Encoding.PEM))
    paths[1].write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )
    return paths


@pytest.mark.enable_socket
@pytest.mark.parametrize(
    ("password", "trusted", "failure"),
    [
        ("s3cret", True, ""),
        ("wrong", True, "login_refused 535"),
        ("s3cret", False, "unreachable SSLCertVerificationError"),
    ],
)
def test_the_password_goes_through_tls_to_the_right_server_only(
    tmp_path: Path, certificate: tuple[Path, Path], password: str, trusted: bool, failure: str
) -> None:
    trust = ssl.create_default_context(cafile=certificate[0] if trusted else None)
    with mailbox(tmp_path / "mails", certificate) as box:
        url = f"smtp://docgen:{password}@localhost:{box.port}?starttls"
        chosen = server(smtp=url)
        message = composed(
            LETTER, chosen.sender, "a@example.com", now=dt.datetime.now(dt.UTC), name="1"
        )
        assert hand_over(chosen, message, trust=trust).failure == failure
        assert len(box.messages()) == (failure == "")


@pytest.mark.parametrize(
    ("given", "code"),
    [
        ({"smtp": "smtp://mail", "mail_from": ""}, "mail_incomplete"),
        ({"smtp": "smtp://mail", "public_url": ""}, "mail_incomplete"),
        ({"smtp": "http://mail"}, "mail_bad_address"),
        ({"smtp": "smtp://"}, "mail_bad_address"),
        ({"smtp": "smtp://mail:x"}, "mail_bad_address"),
        ({"smtp": "smtp://mail?tls"}, "mail_bad_address"),
        ({"smtp": "smtp://mail", "mail_from": "nobody"}, "mail_bad_address"),
        ({"smtp": "smtp://mail", "mail_from": "a@b.c\nBcc: x@y.z"}, "mail_bad_address"),
        ({"smtp": "smtp://me:secret@mail"}, "mail_password_in_clear"),
    ],
)
def test_settings_that_cannot_work(given: dict[str, str], code: str) -> None:
    with pytest.raises(SettingWrong) as caught:
        server_of(settings(**given))
    assert caught.value.code == code


def test_ports_and_ways() -> None:
    assert server_of(Settings()) is None
    assert server(smtp="smtp://mail").port == 25
    assert server(smtp="smtps://me:p%40ss@mail").password == "p@ss"
    assert (server(smtp="smtps://mail").port, server(smtp="smtp://mail?starttls").port) == (
        465,
        587,
    )
    assert "secret" not in repr(settings(smtp="smtps://me:secret@mail"))


@pytest.mark.parametrize("name", ["刘\r\nBcc: x@y.z", "a\x00b", '"><script>', "\u2028x"])
def test_no_header_is_slipped_in(name: str) -> None:
    letter = Letter("reminder", name, "c", "m\nX: y", "u", "x", True, ("XJ-1\r\nBcc: x@y.z",))
    message = composed(
        letter,
        server(smtp="smtp://mail").sender,
        "a@example.com",
        now=dt.datetime.now(dt.UTC),
        name="1",
    )
    assert "Bcc" not in message
    assert "X" not in message
    assert [one.addr_spec for one in message["To"].addresses] == ["a@example.com"]
    assert b"\nBcc:" not in message.as_bytes()


def test_a_round_without_work_sends_nothing(office: Team) -> None:
    assert MailSender(office.store, server(smtp="smtp://127.0.0.1:9")).round() == 0
