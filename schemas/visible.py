"""Text from outside, as it may be shown: nothing in it moves the cursor, hides or turns the rest.

Names in a file, of files and of people reach terminals, logs and messages. A line break or an
escape sequence (ECMA-48) among them would write a verdict of its own, and an override of the
direction (UAX #9) would turn one round.
"""

from __future__ import annotations

import unicodedata

# Control, format (those of direction, of no width), surrogates, separators of lines and paragraphs.
_UNSEEN = frozenset({"Cc", "Cf", "Cs", "Zl", "Zp"})


def visible(text: str, keep: str = "") -> str:
    r"""Write what cannot be seen as escapes (`\n`, `\x1b`, `\u202e`), but the characters `keep`."""
    if text.isprintable():  # which is quick, and true of nearly all there is
        return text
    return "".join(
        one.encode("unicode_escape").decode()
        if unicodedata.category(one) in _UNSEEN and one not in keep
        else one
        for one in text
    )
