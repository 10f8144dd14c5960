"""WB: the archive of the objects under maintenance (handbook 2.A.1)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import ClassVar

from schemas.asset import AssetObject
from schemas.envelope import CONTROL, Record, RecordType
from schemas.fields import field, rule
from schemas.problems import Problem, error, warning
from schemas.rows import repeated
from schemas.setting import Setting
from schemas.vocabulary import Role

Address = tuple[str, int | None, str | None]


class AssetArchive(Record):
    """The asset archive.

    Several archives may cover one contract, so a single one only warns of objects outside it;
    which objects have no form at all is told by `coverage`.
    """

    record_type: ClassVar[RecordType] = RecordType(
        code="WB",
        name="asset_archive",
        zh="维保对象档案",
        en="Asset archive",
        signers=(Role.engineer, Role.leader, Role.cust_owner),
        layout="archive",
        sections=(
            CONTROL,
            ("objects", "维保对象", "Objects under maintenance"),
            ("identity", "基本信息", "Identity"),
            ("database", "数据库", "Database"),
            ("host", "主机与硬件", "Host and hardware"),
            ("nodes", "节点", "Nodes"),
            ("admins", "日常管理人员", "Administrators"),
        ),
    )

    objects: list[AssetObject] = field(
        "维保对象", "Objects under maintenance", section="objects", min_length=1
    )

    @rule()
    def asset_numbers_are_unique(self) -> Iterator[Problem]:
        """Refuse an asset number that stands twice."""
        yield from repeated(self.objects, "objects", "asset_no")

    @rule()
    def addresses_are_unique(self) -> Iterator[Problem]:
        """Refuse two databases at one address, port and instance."""
        seen: dict[Address, int] = {}
        for index, item in enumerate(self.objects):
            for ip in dict.fromkeys(item.ips or ()):
                first = seen.setdefault((ip, item.port, item.instance_name), index)
                if first != index:
                    value = " / ".join(
                        str(part or "—") for part in (ip, item.port, item.instance_name)
                    )
                    yield error(
                        ("objects", index, "ips"), "same_address", value, first=f"objects[{first}]"
                    )
                    break

    @rule()
    def objects_are_in_the_contract(self, setting: Setting) -> Iterator[Problem]:
        """Warn of objects outside the contract."""
        known = set(setting.contract.asset_nos) if setting.contract else None
        for index, item in enumerate(self.objects):
            if known is not None and item.asset_no and item.asset_no not in known:
                yield warning(("objects", index, "asset_no"), "outside_contract", item.asset_no)
