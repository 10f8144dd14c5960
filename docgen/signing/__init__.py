"""Signatures in finished PDF files: fields, the seal, verification; it only appends to bytes.

It renders nothing, knows no store, and never says that a signature is legally binding.
"""

import logging

for _name in ("pyhanko", "pyhanko_certvalidator"):  # what they find, verdicts and refusals tell
    logging.getLogger(_name).addHandler(logging.NullHandler())
