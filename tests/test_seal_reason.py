"""What a seal says is read as it was composed, whatever stands in a name."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from docgen.errors import SettingWrong
from docgen.settings import load_settings
from docgen.signing.comparison import compare
from docgen.signing.seal_reason import SealReason
from docgen.signing.verify import Signature
from schemas.visible import visible

SAID = SealReason(
    words="修改后同意 Agree with changes",
    role="leader",
    name="陈建国",
    signed_at=datetime(2026, 3, 10, 1, 0, 0, 250, tzinfo=UTC),
    opinion="agree_with_changes",
    method="electronic",
    signed_on="2026-03-10",
    record="0" * 64,
    audit="17:" + "a" * 64,
)


def seal(said: SealReason, **more: str) -> Signature:
    given = {"name": said.shown_name, "signed_at": "2026-03-10T09:00:00+08:00"} | more
    return Signature(
        field=said.role,
        signer="seal",
        fingerprint="",
        trial=False,
        intact=True,
        trusted=True,
        covers_file=True,
        reason=said.text() if "reason" not in more else more["reason"],
        revision_sha256="",
        name=given["name"],
        signed_at=given["signed_at"],
    )


@pytest.mark.parametrize(
    "name", ["陈建国", "a; opinion=agree", "100%3B", "a=b; c", "\n\x1b[2K\u202e", "𠮷 O'Neill", ";"]
)
def test_every_name_comes_back(name: str) -> None:
    said = replace(SAID, name=name)
    assert SealReason.parse(said.text()) == said
    assert "\n" not in said.text()


def test_what_was_not_composed_here_is_none() -> None:
    text = SAID.text()
    wrong = ["", "同意", text + "; more=1", text.replace("; role=leader", ""), text + "; role=pm"]
    wrong += [text.replace("+08:00", ""), text.replace("leader", "%6Ceader"), text + ";"]
    for one in wrong:
        assert SealReason.parse(one) is None, one


@pytest.mark.parametrize(
    ("due", "entries"),
    [
        ({}, set()),
        ({"audit": "", "words": ""}, set()),
        ({"name": "李四"}, {"seal_differs.name"}),
        ({"org": "华信"}, {"seal_differs.name"}),
        ({"opinion": "agree"}, {"seal_differs.opinion"}),
        ({"comment": "1" * 64, "method": "handwritten"}, {"seal_differs.opinion"}),
        ({"signed_at": datetime(2026, 3, 10, 1, tzinfo=UTC)}, {"seal_differs.time"}),
        ({"signed_on": "2026-03-11"}, {"seal_differs.time"}),
        ({"record": "1" * 64}, {"seal_differs.evidence"}),
        ({"scan": "1" * 64}, {"seal_differs.evidence"}),
        ({"role": "pm"}, {"seal_differs.unrecorded", "signature_absent"}),
    ],
)
def test_each_part_is_compared(due: dict[str, object], entries: set[str]) -> None:
    on_record = replace(SAID, **due)  # type: ignore[arg-type]
    assert {one.entry for one in compare([seal(SAID)], [on_record])} == entries


def test_what_the_seal_says_twice_has_to_agree() -> None:
    def found(**more: str) -> list[str]:
        return [one.entry for one in compare([seal(SAID, **more)], [SAID])]

    assert found(name="李四") == ["seal_differs.name"]
    assert found(signed_at="2026-03-10T09:00:01+08:00") == ["seal_differs.time"]
    assert found(signed_at="") == ["seal_differs.time"]
    assert found(reason="同意") == ["seal_differs.unreadable"]


def test_the_former_setting_names_both_that_took_its_place() -> None:
    with pytest.raises(SettingWrong) as refused:
        load_settings({"DOCGEN_SEAL_ROOTS": "roots.pem"})
    assert refused.value.code == "setting_split"
    for name in ("DOCGEN_SIGNER_ROOTS", "DOCGEN_TSA_ROOTS"):
        assert name in refused.value.message("zh")


def test_what_cannot_be_seen_is_written_as_an_escape() -> None:
    assert visible("陈建国　𠮷 é") == "陈建国　𠮷 é"
    assert visible("a\nb\tc\x1b[2K\x9b\x7f") == r"a\nb\tc\x1b[2K\x9b\x7f"
    assert visible("\u202e\u2066\u200b\ufeff\u2028") == r"\u202e\u2066\u200b\ufeff\u2028"
    assert visible("a\nb", "\n") == "a\nb"
