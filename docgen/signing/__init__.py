"""Signatures in finished PDF files: fields, the seal, verification; it only appends to bytes.

It renders nothing, knows no store, and never says that a signature is legally binding.
"""

import logging

# What they find, verdicts and refusals tell. They write it down as well, with tracebacks: that a
# trial seal is self-signed each time that one is set.
for _name in ("pyhanko", "pyhanko_certvalidator"):
    logging.getLogger(_name).addHandler(logging.NullHandler())
    logging.getLogger(_name).propagate = False
