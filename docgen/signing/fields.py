"""Signature fields on the sign-off blocks of a finished PDF, by an incremental update."""

from __future__ import annotations

import io
from collections.abc import Sequence

from pyhanko.pdf_utils.reader import PdfFileReader
from pyhanko.sign.fields import (
    FieldMDPAction,
    FieldMDPSpec,
    MDPPerm,
    SigFieldSpec,
    append_signature_field,
    enumerate_sig_fields,
)

from docgen.errors import Conflict, InputUnreadable
from docgen.renderers.pdf.parts import Box
from docgen.signing.blocks import blocks
from docgen.signing.damaged_pdf import damage_refused
from docgen.signing.incremental_update import Appending


def add_fields(pdf_bytes: bytes, roles: Sequence[str] | None = None) -> bytes:
    """Append a signature field on every sign-off block of `roles` (None: of all); bytes stay.

    The first block's field has the role's name, others a number (`cust_owner_2`). Each signature
    locks its own field alone: a lock on all of them (FieldMDP All) would forbid the leader to sign
    after the customer. Raises InputUnreadable (see `blocks`, and no_signoff_block), Conflict:
    fields_exist.
    """
    places = blocks(pdf_bytes)
    if roles is None:
        roles = [name.rpartition("-")[0] for name in places]
    chosen = [(name, box) for name, box in places.items() if name.rpartition("-")[0] in roles]
    missing = [role for role in roles if f"{role}-1" not in places]
    if missing or not chosen:
        raise _no_block(missing)
    if field_names(pdf_bytes):
        raise Conflict("fields_exist")
    with damage_refused():
        writer = Appending(pdf_bytes)
        for name, box in chosen:
            append_signature_field(writer, _spec(field_name(name), box))
        return writer.whole()


def field_name(block: str) -> str:
    """Return the field's name of a block: `leader` for `leader-1`, else `cust_owner_2`."""
    role, _, number = block.rpartition("-")
    return role if number == "1" else f"{role}_{number}"


def field_names(pdf_bytes: bytes) -> dict[str, bool]:
    """Name all signature fields, and whether each is signed; a time stamp's is none.

    InputUnreadable: unknown_file.
    """
    with damage_refused():
        reader = PdfFileReader(io.BytesIO(pdf_bytes))
        return {
            name: value is not None
            for name, value, _ in enumerate_sig_fields(reader)
            if value is None or value.get_object().get("/Type") != "/DocTimeStamp"
        }


def _spec(name: str, box: Box) -> SigFieldSpec:
    rectangle = (box.x1, box.y1, box.x2, box.y2)
    return SigFieldSpec(
        name,
        on_page=box.page - 1,
        box=rectangle,  # type: ignore[arg-type]  # whole numbers would leave the block by a hair
        field_mdp_spec=FieldMDPSpec(FieldMDPAction.INCLUDE, [name]),
        doc_mdp_update_value=MDPPerm.FILL_FORMS,
    )


def _no_block(missing: Sequence[str]) -> InputUnreadable:
    names = ", ".join(missing)
    return InputUnreadable("no_signoff_block", value=list(missing), names=names)
