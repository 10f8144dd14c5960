"""`docgen seal init | renew`, `docgen verify FILE`: keys for trying out; what signatures say.

`verify` takes archive packages as well; `docgen.cli.packages` tells what was found in them.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from asn1crypto import x509

from docgen.cli.console import REFUSED, command_group, err, errors_told, escape, out, print_json
from docgen.cli.options import AsJson, Certificates, SignerRoots, Subjects, TsaRoots
from docgen.cli.packages import is_package, verify_packages
from docgen.cli.sources import read_bytes, shown
from docgen.errors import SettingWrong
from docgen.pipeline.extract import SIZE_LIMIT
from docgen.settings import Settings, load_settings
from docgen.signing.configuration import renew, trusted
from docgen.signing.keys import CERTIFICATE_NAME, is_trial, make_trial, roots
from docgen.signing.known_certificates import remember
from docgen.signing.trust import Trust
from docgen.signing.verify import Signature, SignatureVerdict, Stamp, verify_pdf
from docgen.store.folder import prepare

seal_app = command_group("签章密钥。The key of the seal.")


@seal_app.command("init")
def init_command(as_json: AsJson = False) -> None:
    """在数据目录生成试用签章密钥 seal.p12 和证书 seal.pem。Make a trial key and its certificate.

    退出码: 0 完成; 3 已有密钥，或数据目录不可用。
    """
    with errors_told(as_json):
        settings = load_settings()
        folder = prepare(settings.data)
        made = make_trial(folder, now=settings.clock(), passphrase=settings.seal_passphrase)
        remember(folder, made.certificate)
    _print_trial(settings, made.certificate, as_json=as_json)


@seal_app.command("renew")
def renew_command(as_json: AsJson = False) -> None:
    """换一把新的试用密钥；旧签章照样能核对。Replace the trial key, keep the old one.

    退出码: 0 完成; 3 没有密钥，密钥由 DOCGEN_SEAL 给出，或数据目录不可用。
    """
    with errors_told(as_json):
        settings = load_settings()
        made = renew(settings, settings.clock())
    _print_trial(settings, made.certificate, as_json=as_json)


def _print_trial(settings: Settings, made: x509.Certificate, *, as_json: bool) -> None:
    written = {
        "certificate": str(settings.data.resolve() / CERTIFICATE_NAME),
        "fingerprint": made.sha256.hex(),
        "trial": is_trial(made),
        "until": made.not_valid_after.isoformat(),
    }
    if as_json:
        print_json(written)
        return
    out.print(
        f"试用签章已生成，至 {written['until']}。A trial seal was made; documents will say so."
    )
    out.print(f"{escape(str(written['certificate']))}  sha256 {written['fingerprint']}")


def verify_command(
    file: Annotated[Path, typer.Argument(help="已签章的 PDF，或归档包（zip 或目录）")],
    cert: Certificates = None,
    signer_root: SignerRoots = None,
    signer: Subjects = None,
    tsa_root: TsaRoots = None,
    field: Annotated[
        list[str] | None, typer.Option("--field", help="应当已签的签名域，如 leader，可多次")
    ] = None,
    sha256: Annotated[str, typer.Option("--hash", help="存档时的哈希")] = "",
    as_json: AsJson = False,
) -> None:
    """离线核对 PDF 或归档包。Verify a PDF's signatures, or archive packages, offline.

    退出码: 0 未被篡改，签名人可信; 1 有问题; 2 只给了根证书; 3 证书不可用。
    """
    with errors_told(as_json, shown(file)):
        trust = trust_of(load_settings(), cert, signer_root, signer, tsa_root)
        if is_package(file):
            verify_packages(file, trust, as_json=as_json)
            return
        data = read_bytes(file, SIZE_LIMIT)
        verdict = verify_pdf(data, trust, expected=field or (), sha256=sha256.lower())
    if as_json:
        print_json({"file": shown(file)} | verdict.as_json())
    else:
        _print_verdict(shown(file), verdict)
    if not verdict.good:
        raise typer.Exit(REFUSED)


def trust_of(
    settings: Settings,
    seals: list[Path] | None,
    signer_roots: list[Path] | None,
    subjects: list[str] | None,
    tsa_roots: list[Path] | None,
) -> Trust:
    """Return whom the options name; what none of them names is as the settings say.

    Raises SettingWrong: certificate_unreadable, signer_unnamed.
    """
    known = trusted(settings)
    trust = Trust(
        _certificates(seals) or known.seals,
        _certificates(signer_roots) or known.signer_roots,
        frozenset(subjects or ()),
        _certificates(tsa_roots) or known.tsa_roots,
    )
    if signer_roots and not (trust.seals or trust.subjects):
        raise SettingWrong("signer_unnamed", place="--signer-root")
    return trust


def _certificates(paths: list[Path] | None) -> tuple[x509.Certificate, ...]:
    """Read the files (PEM) that an option names."""
    return tuple(
        one for path in paths or () for one in roots(read_bytes(path, SIZE_LIMIT), str(path))
    )


def _print_verdict(name: str, verdict: SignatureVerdict) -> None:
    for one in verdict.signatures:
        _print_signature(one)
    for stamp in verdict.timestamps:
        whole = "  覆盖全文 whole file" if stamp.covers_file else ""
        out.print(f"{_stamped(stamp)}{whole}")
    for found in verdict.findings:
        err.print(f"[red]✗[/] [dim]{found.code}[/] {escape(found.message('zh'))}")
        err.print(f"    [dim]{escape(found.message('en'))}[/]")
    if verdict.good:
        out.print(f"[green]✓[/] {escape(name)}: 未被篡改 not altered  sha256 {verdict.sha256}")


def _print_signature(one: Signature) -> None:
    mark = "[green]✓[/]" if one.intact and one.trusted else "[red]✗[/]"
    trial = "  [yellow]试用签章 trial seal[/]" if one.trial else ""
    whole = "覆盖全文 whole file" if one.covers_file else "其后另有签署 signed on later"
    out.print(
        f"{mark} [bold]{escape(one.field)}[/] {escape(one.name)} {one.signed_at}  {whole}{trial}"
    )
    out.print(f"    [dim]{escape(one.signer)}  sha256 {one.fingerprint}[/]")
    out.print(f"    [dim]{escape(one.reason)}[/]")
    if one.stamp:
        out.print(f"    {_stamped(one.stamp)}")


def _stamped(stamp: Stamp) -> str:
    known = "" if stamp.trusted else "  [yellow]签发者不在可信之列 by nobody that is trusted[/]"
    return f"时间戳 time stamp {stamp.at}  {escape(stamp.by)}{known}"
