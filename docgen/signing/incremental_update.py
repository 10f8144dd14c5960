"""What is appended to a PDF: objects alone; its metadata stay as they were made, byte for byte."""

from __future__ import annotations

import hashlib
import io

from pyhanko.pdf_utils import generic
from pyhanko.pdf_utils.incremental_writer import IncrementalPdfFileWriter


class Appending(IncrementalPdfFileWriter):
    """A writer of one incremental update; equal input gives equal bytes.

    pyHanko would put the present time into the metadata, and chance into the identifier.
    """

    def __init__(self, pdf_bytes: bytes) -> None:
        super().__init__(io.BytesIO(pdf_bytes))
        digest = hashlib.sha256(pdf_bytes).digest()[:16]
        self._document_id[1] = generic.ByteStringObject(digest)

    def _update_meta(self) -> None:
        """Leave metadata alone: they describe the document, which signing does not change."""

    def whole(self) -> bytes:
        """Return the old bytes and what was appended to them."""
        made = io.BytesIO()
        self.write(made)  # type: ignore[no-untyped-call]
        return made.getvalue()
