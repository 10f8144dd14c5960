"""Webhooks: signed as the scheme says, and tried again as the waits say."""

from __future__ import annotations

import base64
import os
from datetime import UTC, datetime, timedelta, timezone
from email.utils import format_datetime

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from docgen.errors import SettingWrong
from docgen.webhooks.request import Receipt
from docgen.webhooks.schedule import (
    LONGEST,
    SPREAD,
    WAITS,
    DeliveryVerdict,
    next_attempt,
    verdict_of,
)
from docgen.webhooks.signature import key_of, new_secret, sign, verify
from tests.webhooks import NOW, refusal, secret

# ---------------------------------------------------------------- signatures


def test_the_published_vector() -> None:
    """What the scheme's own libraries are tested with."""
    at = datetime.fromtimestamp(1614265330, UTC)
    made = sign(
        ["whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"],
        "msg_p5jXN8AQM9LWM0D4loKWxJek",
        at,
        b'{"test": 2432232314}',
    )
    assert made == {
        "webhook-id": "msg_p5jXN8AQM9LWM0D4loKWxJek",
        "webhook-timestamp": "1614265330",
        "webhook-signature": "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=",
    }


secrets_ = st.binary(min_size=24, max_size=64).map(
    lambda key: "whsec_" + base64.b64encode(key).decode()
)
ids = st.from_regex(r"[A-Za-z0-9_-]{1,40}", fullmatch=True)


@settings(deadline=None)
@given(st.lists(secrets_, min_size=1, max_size=3, unique=True), ids, st.binary(), st.data())
def test_what_was_signed_verifies_and_nothing_else(
    keys: list[str], message_id: str, body: bytes, data: st.DataObject
) -> None:
    headers = sign(keys, message_id, NOW, body)
    used = data.draw(st.sampled_from(keys))
    verify([used], headers, body, now=NOW)
    other_body = data.draw(st.binary().filter(lambda one: one != body))
    other_id = data.draw(ids.filter(lambda one: one != message_id))
    other_secret = data.draw(secrets_.filter(lambda one: one not in keys))
    later = str(int(NOW.timestamp()) + 1)
    assert refusal([used], headers, other_body) == "webhook_signature_wrong"
    assert refusal([other_secret], headers, body) == "webhook_signature_wrong"
    assert refusal([used], headers | {"webhook-id": other_id}, body) == "webhook_signature_wrong"
    moved = headers | {"webhook-timestamp": later}
    assert refusal([used], moved, body) == "webhook_signature_wrong"
    assert refusal([], headers, body) == "webhook_signature_wrong"


def test_while_a_secret_is_replaced_either_one_verifies() -> None:
    headers = sign([secret(), secret(9)], "m1", NOW, b"body")
    assert headers["webhook-signature"].count("v1,") == 2
    for keys in ([secret()], [secret(9)], [secret(50), secret(9)]):
        verify(keys, headers, b"body", now=NOW)
    assert refusal([secret(50)], headers, b"body") == "webhook_signature_wrong"


def test_signatures_of_other_versions_are_passed_over() -> None:
    headers = sign([secret()], "m1", NOW, b"body")
    both = "v1a,bm90IG91cnM= " + headers["webhook-signature"]
    verify([secret()], headers | {"webhook-signature": both}, b"body", now=NOW)
    only = headers["webhook-signature"].replace("v1,", "v2,")
    given_ = headers | {"webhook-signature": only}
    assert refusal([secret()], given_, b"body") == "webhook_signature_missing"


@pytest.mark.parametrize("way", [1, -1])
def test_five_minutes_either_way_and_no_more(way: int) -> None:
    headers = sign([secret()], "m1", NOW, b"body")
    verify([secret()], headers, b"body", now=NOW + way * timedelta(minutes=5))
    late = NOW + way * timedelta(minutes=5, seconds=1)
    assert refusal([secret()], headers, b"body", late) == "webhook_signature_expired"


def test_header_names_come_in_any_case() -> None:
    headers = sign([secret()], "m1", NOW, b"body")
    verify([secret()], {name.title(): text for name, text in headers.items()}, b"body", now=NOW)


@pytest.mark.parametrize("name", ["webhook-id", "webhook-timestamp", "webhook-signature"])
@pytest.mark.parametrize(
    "text", ["", " ", "a.b", "-1", "1e9", "१२३", "9" * 13, "v1", "v1 ,x", "\ud800", "v1,x " * 17]
)
def test_odd_headers_are_refused(name: str, text: str) -> None:
    headers = sign([secret()], "m1", NOW, b"body") | {name: text}
    assert refusal([secret()], headers, b"body").startswith("webhook_signature_")
    del headers[name]
    assert refusal([secret()], headers, b"body") == "webhook_signature_missing"


def test_a_new_secret_holds_32_bytes_of_the_given_source() -> None:
    assert key_of(secret(7)) == bytes(range(7, 39))
    assert key_of(new_secret(os.urandom)) != key_of(new_secret(os.urandom))


@pytest.mark.parametrize(
    "text",
    ["", "whsec_", "whsec_" + "A" * 28, "whsec_" + "A" * 92, secret()[6:], secret() + "!", "密语"],
)
def test_unusable_secrets_are_refused_unseen(text: str) -> None:
    with pytest.raises(SettingWrong) as caught:
        sign([text], "m1", NOW, b"")
    assert caught.value.code == "webhook_secret_unusable"
    assert caught.value.value is None
    assert text in {"", "whsec_"} or text not in str(caught.value.as_json())


@pytest.mark.parametrize("message_id", ["", "a.b", "a b", "a\r\nx: y", "消息", "a" * 129])
def test_ids_that_would_break_a_header_are_not_signed(message_id: str) -> None:
    with pytest.raises(ValueError, match="id"):
        sign([secret()], message_id, NOW, b"")


def test_times_need_a_zone() -> None:
    naive = NOW.replace(tzinfo=None)
    with pytest.raises(ValueError, match="zone"):
        sign([secret()], "m1", naive, b"")
    with pytest.raises(ValueError, match="zone"):
        verify([secret()], sign([secret()], "m1", NOW, b""), b"", now=naive)
    with pytest.raises(ValueError, match="zone"):
        next_attempt(1, naive, 0)


# ---------------------------------------------------------------- when to try again


def test_the_waits_and_then_no_more() -> None:
    waits = [next_attempt(attempts, NOW, 0) for attempts in range(1, 9)]
    assert [moment and moment - NOW for moment in waits] == [
        timedelta(seconds=5),
        timedelta(minutes=5),
        timedelta(minutes=30),
        timedelta(hours=2),
        timedelta(hours=5),
        timedelta(hours=10),
        timedelta(hours=10),
        None,
    ]
    assert next_attempt(99, NOW, 0.5) is None


@given(st.integers(1, len(WAITS)), st.floats(0, 1), st.text(max_size=64))
@example(1, 0, "Sun, 01 Nov 2026 09:00:00 -0000")
@example(1, 0, "Mon, 99 Foo 99999 99:99:99 +9999")
@example(1, 0, "1" * 64)
def test_never_sooner_than_the_wait_and_never_put_off_too_long(
    attempts: int, jitter: float, retry_after: str
) -> None:
    moment = next_attempt(attempts, NOW, jitter, retry_after=retry_after)
    assert moment is not None
    wait = WAITS[attempts - 1]
    assert wait <= moment - NOW <= max(wait * (1 + SPREAD), LONGEST)


@pytest.mark.parametrize(
    ("retry_after", "wait"),
    [
        ("", timedelta(seconds=5)),
        ("1", timedelta(seconds=5)),
        ("120", timedelta(minutes=2)),
        (" 120 ", timedelta(minutes=2)),
        ("999999999999", LONGEST),
        ("-120", timedelta(seconds=5)),
        ("1.5e3", timedelta(seconds=5)),
        ("soon", timedelta(seconds=5)),
        (format_datetime(NOW + timedelta(minutes=3), usegmt=True), timedelta(minutes=3)),
        (format_datetime(NOW - timedelta(days=3), usegmt=True), timedelta(seconds=5)),
        ("Sun, 01 Nov 2026 09:03:00 -0000", timedelta(minutes=3)),
        ("Fri, 31 Dec 9999 23:59:59 GMT", LONGEST),
        ("Fri, 31 Dec 9999 23:59:59 -2359", LONGEST),
    ],
)
def test_a_receiver_may_ask_for_more_time_within_reason(retry_after: str, wait: timedelta) -> None:
    assert next_attempt(1, NOW, 0, retry_after=retry_after) == NOW + wait


def test_what_follows_a_receipt() -> None:
    shanghai = NOW.astimezone(timezone(timedelta(hours=8)))
    for receipt, verdict in (
        (Receipt(1, 200), DeliveryVerdict("delivered")),
        (Receipt(1, 204), DeliveryVerdict("delivered")),
        (Receipt(1, 410), DeliveryVerdict("disabled")),
        (Receipt(1, 500), DeliveryVerdict("again", NOW + timedelta(seconds=5))),
        (Receipt(1, 400), DeliveryVerdict("again", NOW + timedelta(seconds=5))),
        (Receipt(1, 503, retry_after="60"), DeliveryVerdict("again", NOW + timedelta(minutes=1))),
        (Receipt(1, 302, failure="redirect"), DeliveryVerdict("again", NOW + timedelta(seconds=5))),
        (Receipt(1, 200, failure="timeout"), DeliveryVerdict("again", NOW + timedelta(seconds=5))),
        (Receipt(1, failure="unreachable"), DeliveryVerdict("again", NOW + timedelta(seconds=5))),
    ):
        assert verdict_of(receipt, 1, NOW, 0) == verdict_of(receipt, 1, shanghai, 0) == verdict
    assert verdict_of(Receipt(1, 500), 8, NOW, 0) == DeliveryVerdict("given_up")
    assert verdict_of(Receipt(1, 200), 8, NOW, 0) == DeliveryVerdict("delivered")


@pytest.mark.parametrize(("attempts", "jitter"), [(0, 0.0), (-1, 0.0), (1, -0.1), (1, 1.1)])
def test_attempts_count_from_one_and_jitter_is_a_share(attempts: int, jitter: float) -> None:
    with pytest.raises(ValueError, match="attempt"):
        next_attempt(attempts, NOW, jitter)
