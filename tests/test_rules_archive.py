"""Asset archives: their own rules, and whether they cover a contract (acceptance 1)."""

import json
from typing import Any

import pytest

from schemas.asset_archive import AssetArchive
from schemas.coverage import coverage, latest
from tests.records import SAMPLES, contract, draft, errors, read_as, warnings


def archive(objects: slice = slice(None), **changes: Any) -> AssetArchive:
    path = SAMPLES / "contract" / "WB-five-objects.json"
    record = json.loads(path.read_text("utf-8")) | changes
    record["objects"] = record["objects"][objects]
    found = read_as(record, contract())
    assert isinstance(found.value, AssetArchive), found.problems
    return found.value


def told(agreed: Any, *archives: AssetArchive) -> list[tuple[str, str, str]]:
    return [(p.level, p.place, p.code) for p in coverage(agreed, archives)]


def test_four_forms_of_five_name_the_fifth() -> None:
    (problem,) = coverage(contract(), [archive(slice(4))])
    assert (problem.level, problem.place) == ("error", "objects[4]")
    assert "HDYD-DB-05" in problem.message("zh")
    assert "HDYD-DB-05" in problem.message("en")


def test_the_fifth_in_the_same_or_another_file_passes() -> None:
    rac = archive(slice(4, 5), doc_no="WB-HDYD-20260306-001")
    assert rac.objects[0].cpu_cores == 64
    assert rac.objects[0].memory_gb == 512
    assert not coverage(contract(), [archive()])
    assert not coverage(contract(), [archive(slice(4)), rac])


def test_a_form_outside_the_contract_is_a_warning() -> None:
    agreed = contract()
    agreed = agreed.model_copy(update={"objects": agreed.objects[:4]})
    place = "WB-HDYD-20260305-001.objects[4].asset_no"
    assert told(agreed, archive()) == [("warning", place, "outside_contract")]


def test_a_second_form_is_an_error() -> None:
    again = archive(slice(1), doc_no="WB-HDYD-20260306-001")
    place = "WB-HDYD-20260306-001.objects[0].asset_no"
    assert told(contract(), archive(), again) == [("error", place, "duplicate")]


def test_only_the_last_revision_counts() -> None:
    revised = archive(slice(4), doc_no="WB-HDYD-20260305-001-R2")
    older = archive(doc_no="WB-HDYD-20260305-001-R1")
    assert latest([revised, archive(), older]) == [revised]
    assert [p.code for p in coverage(contract(), [archive(), revised])] == ["object_without_form"]


def test_one_archive_warns_only_of_what_is_outside() -> None:
    record = draft("WB", contract_no="HT-2026-017")
    found = read_as(record, contract())
    codes = {(p.place, p.code) for p in found.problems if p.code == "outside_contract"}
    assert codes == {(f"objects[{n}].asset_no", "outside_contract") for n in range(3)}


def test_asset_numbers_stand_once() -> None:
    record = draft("WB")
    record["objects"].append(record["objects"][0] | {"port": 1434})
    assert errors(record) == [("objects[3].asset_no", "duplicate")]


def test_one_address_port_and_instance_is_one_database() -> None:
    record = draft("WB")
    twin = record["objects"][0] | {"asset_no": "JNDW-DB-09"}
    record["objects"].append(twin)
    assert errors(record) == [("objects[3].ips", "same_address")]
    twin["instance_name"] = "SECOND"
    assert not errors(record)


@pytest.mark.parametrize("mode", ["rac", "mgr", "distributed", "分布式", "组复制"])
@pytest.mark.parametrize("nodes", [0, 1])
def test_a_cluster_has_two_nodes(mode: str, nodes: int) -> None:
    record = draft("WB")
    item = record["objects"][0]
    item["deploy_mode"] = mode
    item["nodes"] = item["nodes"][:nodes]
    assert errors(record) == [("objects[0].nodes", "too_few_nodes")]


def test_a_single_database_needs_none() -> None:
    record = draft("WB")
    record["objects"][0] |= {"deploy_mode": "单机", "nodes": []}
    assert not errors(record)


def test_nodes_and_addresses_stand_once() -> None:
    record = draft("WB")
    item = record["objects"][0]
    item["nodes"][1]["ip"] = item["nodes"][0]["ip"]
    item["ips"] = ["172.16.8.11", " 172.16.8.11 "]
    assert errors(record) == [
        ("objects[0].ips[1]", "duplicate"),
        ("objects[0].nodes[1].ip", "duplicate"),
    ]


def test_other_has_a_name() -> None:
    record = draft("WB")
    record["objects"][2].pop("db_type_name")
    assert errors(record) == [("objects[2].db_type_name", "name_of_other_required")]


def test_what_an_object_must_have() -> None:
    record = draft("WB", objects=[{}])
    required = {place.rpartition(".")[2] for place, code in errors(record) if code == "missing"}
    assert required == {
        "asset_no",
        "server_name",
        "business_system",
        "db_type",
        "db_version",
        "ips",
        "cpu_cores",
        "memory_gb",
        "admins",
    }


@pytest.mark.parametrize(
    ("change", "place", "code"),
    [
        ({"port": 0}, "port", "too_small"),
        ({"port": 70000}, "port", "too_large"),
        ({"port": "1433.5"}, "port", "not_whole"),
        ({"cpu_cores": 0}, "cpu_cores", "too_small"),
        ({"memory_gb": 0}, "memory_gb", "not_positive"),
        ({"memory_gb": "64G"}, "memory_gb", "not_a_number"),
        ({"ips": []}, "ips", "list_too_short"),
        ({"ips": ["10.0.0.256"]}, "ips[0]", "not_an_ip"),
        ({"admins": []}, "admins", "list_too_short"),
        ({"serial_no": 2102311}, "serial_no", "digits_lost"),
        ({"serial_no": 2.1e18}, "serial_no", "digits_lost"),
        ({"warranty_to": "3月7日"}, "warranty_to", "day_without_year"),
        ({"cpu_arch": "z80"}, "cpu_arch", "not_a_choice"),
    ],
)
def test_wrong_values(change: dict[str, Any], place: str, code: str) -> None:
    record = draft("WB")
    record["objects"][0] |= change
    assert errors(record) == [(f"objects[0].{place}", code)]


def test_labels_and_aliases_are_read() -> None:
    record = draft("WB")
    found = read_as(record).value
    assert isinstance(found, AssetArchive)
    item = found.objects[1]
    assert (item.db_type, item.cpu_arch, item.env) == ("kingbase", "hygon", "production")
    assert not warnings(record)


def test_a_bad_row_hides_no_duplicate() -> None:
    record = draft("WB")
    record["objects"][1]["port"] = 70000
    record["objects"].append(record["objects"][0] | {"port": 1})
    assert errors(record) == [
        ("objects[1].port", "too_large"),
        ("objects[3].asset_no", "duplicate"),
    ]
