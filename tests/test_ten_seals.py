"""Ten people sign one document: each seal counts, and each one that was altered is told."""

from __future__ import annotations

import hashlib
import re
from itertools import pairwise

import pytest

from docgen.renderers.pdf.parts import Box
from docgen.signing import seal as sealing
from docgen.signing.fields import add_fields
from docgen.signing.keys import FileSealer, make_trial
from docgen.signing.trust import Trust
from docgen.signing.verify import SignatureVerdict, verify_pdf
from tests.authorities import NOW
from tests.commands import SAMPLES, rendered

ROLES = [f"signer_{number}" for number in range(1, 11)]


def places(_: bytes) -> dict[str, Box]:
    """Ten sign-off blocks, one above the other."""
    return {
        f"{role}-1": Box(1, 50, 30 + 70 * at, 250, 90 + 70 * at) for at, role in enumerate(ROLES)
    }


@pytest.fixture(scope="module")
def sealer(tmp_path_factory: pytest.TempPathFactory) -> FileSealer:
    return make_trial(tmp_path_factory.mktemp("key"), now=NOW)


@pytest.fixture(scope="module")
def states(tmp_path_factory: pytest.TempPathFactory, sealer: FileSealer) -> list[bytes]:
    """The file after each of the ten seals; what was there before is verified by the tests."""
    folder = tmp_path_factory.mktemp("pdf")
    rendered(SAMPLES / "SQ" / "basic.json", to=folder, formats="pdf")
    with pytest.MonkeyPatch.context() as patched:
        for module in ("docgen.signing.seal", "docgen.signing.fields"):
            patched.setattr(f"{module}.blocks", places)
        patched.setattr(sealing, "_still_whole", lambda *_: None)
        made = [add_fields(next(folder.rglob("*.pdf")).read_bytes(), ROLES)]
        patched.setattr(sealing, "_checked", lambda pdf, *_: ROLES[: len(made) - 1])
        for role in ROLES:
            more = {"image": None, "name": role, "reason": "同意", "now": NOW}
            made.append(sealing.seal(made[-1], role, sealer, **more))  # type: ignore[arg-type]
    return made[1:]


def judged(data: bytes, sealer: FileSealer, *roles: str) -> SignatureVerdict:
    return verify_pdf(data, Trust.of(sealer.certificate), expected=roles)


@pytest.mark.parametrize("count", [1, 2, 10])
def test_one_to_ten_seals_are_good(states: list[bytes], sealer: FileSealer, count: int) -> None:
    verdict = judged(states[count - 1], sealer, *ROLES[:count])
    assert verdict.good, verdict.findings
    assert [one.field for one in verdict.signatures] == ROLES[:count]
    assert [one.name for one in verdict.signatures] == ROLES[:count]
    assert all(one.intact and one.trusted for one in verdict.signatures)
    assert [one.covers_file for one in verdict.signatures] == [False] * (count - 1) + [True]
    assert verdict.revisions == {hashlib.sha256(one).hexdigest() for one in states[:count]}


@pytest.mark.parametrize("altered", [0, 9])
def test_one_of_ten_that_was_altered_is_found(
    states: list[bytes], sealer: FileSealer, altered: int
) -> None:
    """Its signature, then a byte that it signs: that breaks it and all that came later."""
    whole = states[-1]
    at = [one.end() for one in re.finditer(rb"/Contents <", whole)][altered] + 600
    digit = b"1" if whole[at : at + 1] != b"1" else b"2"
    broken = {one.place for one in judged(whole[:at] + digit + whole[at + 1 :], sealer).findings}
    assert ROLES[altered] in broken
    assert broken >= {*ROLES[altered:]}
    ends = [0, *map(len, states)]
    first, last = [*pairwise(ends)][altered]
    at = whole.index(b"/Reason", first) + 9
    assert at < last
    reworded = whole[:at] + bytes([whole[at] ^ 1]) + whole[at + 1 :]
    verdict = judged(reworded, sealer, *ROLES)
    assert {one.place for one in verdict.findings} >= {*ROLES[altered:]}
    assert not any(one.intact for one in verdict.signatures[altered:])


def test_each_of_ten_that_is_gone_is_told(states: list[bytes], sealer: FileSealer) -> None:
    verdict = judged(states[6], sealer, *ROLES)
    absent = [(one.entry, one.place) for one in verdict.findings]
    assert absent == [("signature_absent.empty", role) for role in ROLES[7:]]
