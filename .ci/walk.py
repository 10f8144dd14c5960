#!/usr/bin/env python3
"""Takes the sample contract through the service, as its people would, over HTTP.

Contract, members, drafts, submission, the leader's review, customers' signatures on paper, one of
them through a link, archive; then the archived files are downloaded, and the inspection's archive
package is checked without the service. What an earlier run has done is not done again.
Usage: walk.py [--some] SAMPLES OUT COMMAND [ARGUMENT...]     COMMAND is how docgen is called
With --some only the inspection goes all the way, with its authorisation.
"""

from __future__ import annotations

import io
import json
import os
import shlex
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any

import requests
from customer import Customer
from PIL import Image

NOW = "2026-03-31T18:00:00+08:00"
NOTHING: Mapping[str, str] = MappingProxyType({})
FORMATS = ("docx", "xlsx", "pdf")
PEOPLE = {
    "zhangwei": ("张伟", "engineer"),
    "wangqiang": ("王强", "pm"),
    "chenjianguo": ("陈建国", "leader"),
}
SIGNED_ON = {"cust_owner": "刘洋", "cust_contact": "赵敏"}
# In the order of the work; a consultation and its defect refer to each other.
SAMPLES = (
    "contract/WB-five-objects",
    "SQ/read_only",
    "XJ/basic",
    "ZX/basic",
    "ZX/converted",
    "QX/basic",
    "WH/basic",
)

SOME = ("SQ/read_only", "XJ/basic")

BY_LINK = "XJ"  # the type whose customer signs through a link

# The list that the service makes of the tickets above; it takes this sample's number.
HANDED_OVER = "DJ/basic"


class Refused(Exception):
    """The service said no; the message is its answer."""


class Service:
    """A running `docgen serve`, and people who call it."""

    def __init__(self, command: list[str], data: Path) -> None:
        self.command, self.environ = (
            command,
            os.environ
            | {
                "DOCGEN_DATA": str(data),
                "DOCGEN_NOW": NOW,
            },
        )
        with socket.socket() as made:
            made.bind(("127.0.0.1", 0))
            self.port = made.getsockname()[1]
        known = {one["username"] for one in json.loads(self.run("user", "list", "--json"))["users"]}
        self.tokens = {name: self.account(name, known) for name in PEOPLE}
        serve = [*command, "serve", "--port", str(self.port)]
        self.log = data / "serve.log"  # a pipe that nobody reads would stop it when full
        with self.log.open("wb") as log:
            self.process = subprocess.Popen(serve, env=self.environ, stdout=log, stderr=log)

    def account(self, username: str, known: set[str]) -> str:
        """Add somebody, unless an earlier run has; returns a new token."""
        name, role = PEOPLE[username]
        if username not in known:
            self.run("user", "add", username, "--role", role, "--name", name, "--no-password")
        return self.run("token", "create", username, "--days", "1").strip()

    def run(self, *arguments: str) -> str:
        """Call the command line."""
        done = subprocess.run(
            [*self.command, *arguments], env=self.environ, capture_output=True, text=True
        )
        if done.returncode:
            raise Refused(done.stdout + done.stderr)
        return done.stdout

    def wait(self) -> None:
        """Wait until it answers."""
        for _ in range(600):
            try:
                self.call("", "GET", "/health")
                return
            except requests.ConnectionError:
                if self.process.poll() is not None:
                    raise Refused(self.log.read_text("utf-8")) from None
                time.sleep(0.1)
        raise Refused("docgen serve does not answer")

    def stop(self) -> None:
        """End it in good order."""
        self.process.send_signal(signal.SIGTERM)
        self.process.wait(timeout=60)

    def call(
        self, who: str, method: str, path: str, headers: Mapping[str, str] = NOTHING, **more: Any
    ) -> requests.Response:
        """Send a request as somebody; returns the answer. Raises Refused, RequestException."""
        own = {"Authorization": f"Bearer {self.tokens[who]}"} if who else {}
        url = f"http://127.0.0.1:{self.port}{path}"
        answer = requests.request(method, url, headers={**headers, **own}, timeout=300, **more)
        if not answer.ok:
            raise Refused(f"{method} {path}: {answer.text}")
        return answer

    def get(self, path: str, who: str = "zhangwei") -> Any:
        """Read something."""
        return self.call(who, "GET", f"/api/v1{path}").json()

    def post(self, who: str, path: str, value: Any, headers: Mapping[str, str] = NOTHING) -> Any:
        """Send something."""
        return self.call(who, "POST", f"/api/v1{path}", headers, json=value).json()


class Walk:
    """One contract's way from an empty store to its archive."""

    def __init__(self, service: Service, samples: Path, out: Path) -> None:
        self.service, self.samples, self.out = service, samples, out
        self.lines: list[tuple[str, ...]] = []
        self.days: dict[tuple[str, str], str] = {}

    def take(self, *, some: bool) -> None:
        """Go all the way: the records, then the tickets' list for the project manager."""
        contract_id, names = self.contract(), SOME if some else SAMPLES
        records = [self.drafted(name) for name in names]
        for record in records:
            self.archived(record)
        if not some:
            self.archived(self.handed_over(contract_id))
            names = (*names, HANDED_OVER)
        done = "".join(f"{name}.json\n" for name in names)
        (self.out / ".store/archived").write_text(done, "utf-8")

    def contract(self) -> str:
        """Make the contract with its people, unless it is there; returns its id."""
        known = self.service.get("/contracts", "wangqiang")["items"]
        if known:
            return str(known[0]["id"])
        content = json.loads((self.samples / "contract/HT-2026-017.json").read_bytes())
        made = self.service.post("wangqiang", "/contracts", content)
        for username in ("zhangwei", "chenjianguo"):
            path = f"/contracts/{made['id']}/members"
            self.service.post("wangqiang", path, {"username": username})
        return str(made["id"])

    def handed_over(self, contract_id: str) -> Any:
        """Make the list of archived tickets, unless it is there."""
        found = self.service.get("/records?code=DJ")["items"]
        if found:
            return found[0]
        path = f"/contracts/{contract_id}/handover"
        return self.service.post("zhangwei", path, {}, {"Idempotency-Key": "demo-handover"})

    def drafted(self, name: str) -> Any:
        """Make a record's draft out of a sample, unless it is there."""
        plain = json.loads((self.samples / f"{name}.json").read_bytes())
        for one in plain.get("signoffs", ()):
            self.days[plain["doc_no"], one["role"]] = one.get("signed_on", NOW[:10])
        found = self.service.get(f"/records?doc_no={plain['doc_no']}")["items"]
        if found:
            return found[0]
        plain.pop("status", None)
        plain["signoffs"] = [
            {key: one[key] for key in ("role", "name", "org") if key in one}
            for one in plain.get("signoffs", ())
        ]
        for name in ("received_by", "received_at"):  # the receipt is the project manager's to give
            (plain.get("pm_delivery") or {}).pop(name, None)
        key = {"Idempotency-Key": f"demo-{plain['doc_no']}"}
        return self.service.post("zhangwei", "/records", plain, key)

    def archived(self, record: Any) -> None:
        """Submit, sign and archive a record as far as that is not done, and fetch its files."""
        path = f"/records/{record['id']}"
        start, signed = time.monotonic(), []
        if record["state"] == "draft":
            seen = {
                "If-Match": self.service.call("zhangwei", "GET", f"/api/v1{path}").headers["etag"]
            }
            record = self.service.post("zhangwei", f"{path}/submit", {}, seen)
            signed.append("张伟")
        while record["state"] in ("submitted", "in_review"):
            who = self.missing(path)
            record = self.sign(record, who)
            signed.append(PEOPLE.get(who, (SIGNED_ON.get(who, who), ""))[0])
        if record["state"] == "approved":
            record = self.service.post("zhangwei", f"{path}/archive", {})
        files = [self.fetched(record, name) for name in FORMATS]
        took = f"{time.monotonic() - start:.1f} s" if signed else "已归档 done before"
        names = "、".join(signed) or "—"
        self.lines.append((record["doc_no"], record["state"], names, " ".join(files), took))

    def missing(self, path: str) -> str:
        """Return who is to sign next, in the order of the paper."""
        role = self.service.get(path)["awaiting"][0]
        return {"leader": "chenjianguo", "pm": "wangqiang"}.get(role, role)

    def sign(self, record: Any, who: str) -> Any:
        """Sign as the leader or the project manager, or record a customer's paper."""
        path = f"/records/{record['id']}"
        if who in PEOPLE:
            return self.service.post(who, f"{path}/versions/1/signoffs", {"opinion": "agree"})
        if record["code"] == BY_LINK:
            return self.sign_by_link(path, who)
        paper = {
            "role": who,
            "name": SIGNED_ON[who],
            "opinion": "agree",
            "signed_on": min(self.days[record["doc_no"], who], NOW[:10]),
            "scan_id": self.scan(path),
        }
        return self.service.post("zhangwei", f"{path}/versions/1/paper-signatures", paper)

    def sign_by_link(self, path: str, role: str) -> Any:
        """Have the customer open a link on their own device, and sign there."""
        person = {"role": role, "name": SIGNED_ON[role]}
        made = self.service.post("zhangwei", f"{path}/versions/1/links", person)
        try:
            Customer(made["url"]).sign()
        except requests.RequestException as wrong:
            raise Refused(str(wrong)) from wrong
        return self.service.get(path)

    def packed(self) -> list[str]:
        """Download signed file and package of what was signed by link, beside what checks them.

        Returns what the check says, which asks the command line and not the service, and its path.
        """
        record = self.service.get(f"/records?code={BY_LINK}")["items"][0]
        base = f"/api/v1/records/{record['id']}/versions/1"
        folder, name = self.out / "archive", record["doc_no"]
        folder.mkdir(exist_ok=True)
        package, signed = folder / f"{name}.zip", folder / f"{name}-signed.pdf"
        for target, path in (
            (package, f"{base}/package.zip"),
            (signed, f"{base}/document.pdf?stage=signed"),
        ):
            if not target.is_file():  # a package tells of its own making: it is made once
                target.write_bytes(self.service.call("zhangwei", "GET", path).content)
        certificate = folder / "seal.pem"
        certificate.write_bytes((self.out / ".store/seal.pem").read_bytes())
        check = folder / "check.sh"
        program, *more = self.service.command
        command = [str(Path(program).absolute()) if "/" in program else program, *more, "verify"]
        command += [package.name, "--cert", certificate.name]
        check.write_text(
            f'#!/bin/sh\ncd -- "$(dirname -- "$0")" && exec {shlex.join(command)}\n', "utf-8"
        )
        check.chmod(0o755)
        done = subprocess.run([check], capture_output=True, text=True)
        if done.returncode:
            raise Refused(done.stdout + done.stderr)
        return [done.stdout.strip(), str(check)]

    def scan(self, path: str) -> str:
        """Upload what stands for a scanned page; returns its id."""
        page = io.BytesIO()
        Image.new("L", (620, 877), "white").save(page, "PNG")
        made = self.service.call(
            "zhangwei",
            "POST",
            f"/api/v1{path}/versions/1/files",
            files={"file": ("scan.png", page.getvalue(), "image/png")},
            data={"purpose": "scan", "unmatched": "true"},
        )
        return str(made.json()["id"])

    def fetched(self, record: Any, format_name: str) -> str:
        """Download the archived copy into OUT/<code>/<doc_no>.<format>."""
        target = self.out / record["code"] / f"{record['doc_no']}.{format_name}"
        path = f"/api/v1/records/{record['id']}/versions/1/document.{format_name}?stage=archived"
        data = self.service.call("zhangwei", "GET", path).content
        if not target.is_file() or target.read_bytes() != data:
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(data)
        return format_name

    def table(self) -> str:
        """Return what happened, a line for each record."""
        head = ("编号 number", "状态 state", "签署 signed", "文件 files", "用时 took")
        widths = [max(width(row[i]) for row in (head, *self.lines)) for i in range(len(head))]
        return "\n".join(
            "  ".join(cell + " " * (widths[i] - width(cell)) for i, cell in enumerate(row)).rstrip()
            for row in (head, *self.lines)
        )


def width(text: str) -> int:
    """Columns that a text takes in a terminal."""
    return sum(2 if ord(letter) > 0x2E7F else 1 for letter in text)


def main() -> int:
    """Take the walk and print what happened."""
    some = sys.argv[1] == "--some"
    samples, out, *command = sys.argv[1 + some :]
    folder = Path(out).resolve()
    folder.mkdir(parents=True, exist_ok=True)
    service = Service(command, folder / ".store")
    try:
        service.wait()
        walk = Walk(service, Path(samples), folder)
        walk.take(some=some)
        told = walk.packed()
    except Refused as refused:
        print(f"demo: {refused}", file=sys.stderr)
        return 1
    finally:
        service.stop()
    print(walk.table())
    print("\n归档包离线核对 (the package, checked without the service):", *told, sep="\n")
    print(service.run("audit", "verify").strip())
    return 0


if __name__ == "__main__":
    sys.exit(main())
