"""`docgen seal init` and `docgen verify`, as a person calls them."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

from docgen.signing.fields import add_fields
from docgen.signing.keys import SEAL_NAME, load
from docgen.signing.seal import seal
from tests.commands import SAMPLES, as_json, codes, docgen, rendered

NOW = datetime(2026, 11, 1, 1, tzinfo=UTC)


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a data folder that holds a trial key, and a file sealed with it."""
    place = tmp_path_factory.mktemp("sealing")
    told = as_json("seal", "init", DOCGEN_DATA=place / "data", DOCGEN_SEAL_PASSPHRASE="horse")
    assert told["trial"]
    rendered(SAMPLES / "ZX" / "basic.json", to=place, formats="pdf")
    pdf = add_fields(next(place.rglob("*.pdf")).read_bytes(), ["engineer", "pm"])
    key = load(place / "data" / SEAL_NAME, "horse")
    made = seal(pdf, "pm", key, image=None, name="王强", reason="签收", now=NOW)
    (place / "sealed.pdf").write_bytes(made)
    return place


def test_a_sealed_file_is_told(place: Path) -> None:
    data = place / "data"
    run = docgen("verify", place / "sealed.pdf", "--field", "pm", DOCGEN_DATA=data)
    assert run.returncode == 0, run.stderr
    assert "王强" in run.stdout
    assert "试用签章" in run.stdout
    assert "not altered" in run.stdout
    certificate = ("--cert", data / "seal.pem")
    told = as_json("verify", place / "sealed.pdf", *certificate, DOCGEN_DATA=place / "none")
    assert (told["good"], told["signatures"][0]["trial"]) == (True, True)


def test_what_is_wrong_ends_with_1(place: Path, tmp_path: Path) -> None:
    data = place / "data"
    junk = tmp_path / "junk.pdf"
    junk.write_bytes((place / "sealed.pdf").read_bytes() + b"\n% junk")
    run = docgen("verify", junk, DOCGEN_DATA=data)
    assert run.returncode == 1
    assert "✗" in run.stderr
    options = ["--field", "engineer", "--hash", "0" * 64]
    told = as_json("verify", place / "sealed.pdf", *options, code=1, DOCGEN_DATA=data)
    assert codes(told["findings"]) == ["hash_differs", "signature_absent"]
    told = as_json("verify", place / "sealed.pdf", code=1, DOCGEN_DATA=tmp_path / "none")
    assert codes(told["findings"]) == ["signer_unknown"]
    told = as_json("verify", SAMPLES / "ZX" / "basic.json", code=1, DOCGEN_DATA=data)
    assert codes(told["findings"]) == ["unreadable"]


def test_keys_and_certificates_that_cannot_be_used(place: Path, tmp_path: Path) -> None:
    again = as_json("seal", "init", code=3, DOCGEN_DATA=place / "data")
    assert codes(again["errors"]) == ["seal_exists"]
    options = ["--cert", SAMPLES / "ZX" / "basic.json"]
    told = as_json("verify", place / "sealed.pdf", *options, code=3)
    assert codes(told["errors"]) == ["certificate_unreadable"]
