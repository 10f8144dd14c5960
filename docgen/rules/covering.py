"""An asset archive beside the contract's list of objects and the other archives (handbook 2.A.1).

`schemas.coverage` judges a contract as a whole; this tells what one archive has to do with it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from docgen.rules.partial import Plain, line, raw_rows
from schemas.contract import Contract
from schemas.problems import Problem, error


def covering(
    contract: Contract, plain: Plain, elsewhere: Mapping[str, str], begun: set[str]
) -> Iterator[Problem]:
    """Refuse an archive that leaves an object without a form, or makes a second form of one.

    `elsewhere` tells in which archive in force an asset has its form; `begun` names the assets
    of other archives that are still drafts: those forms are on their way.
    """
    own = {line(row, "asset_no") for _, row in raw_rows(plain, "objects")}
    for item in contract.objects:
        if item.asset_no not in own | elsewhere.keys() | begun:
            yield error(("objects",), "object_without_form", item.asset_no)
    for index, row in raw_rows(plain, "objects"):
        number = line(row, "asset_no")
        if number in elsewhere:
            path = ("objects", index, "asset_no")
            yield error(path, "duplicate", number, first=elsewhere[number])
