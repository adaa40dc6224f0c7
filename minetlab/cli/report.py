"""``lab report``: verify the lab, and write what the checks saw of each claim, for people and programs."""

import json
from dataclasses import asdict
from datetime import datetime
from importlib.metadata import version
from pathlib import Path

from minetlab.checks import verify
from minetlab.checks.versions import versions_of
from minetlab.claims.evidence import evidence_by_claim
from minetlab.cli.terminal import console
from minetlab.inventory.load import load
from minetlab.lab import Lab
from minetlab.report.page import About, ReachedSite, page
from minetlab.report.topology import topology
from minetlab.resources.site import site_url
from minetlab.secrets import certificates
from minetlab.util import process
from minetlab.util.errors import LabError
from minetlab.util.paths import PROJECT_ROOT

TOOLS = ("minet-lab", "pyinfra", "pytest-testinfra", "libvirt-python", "docker")


def write(inventory: Path, folder: Path) -> bool:
    """Verify the lab, and write ``report.html``, ``report.json`` and ``junit.xml``.

    :param inventory: the inventory of the lab.
    :param folder: the folder to write to; made if it does not exist.
    :return: whether all checks passed.
    :raises LabError: the lab cannot be loaded.
    """
    from minetlab.report.figures import figures  # noqa: PLC0415 (a plotting library that is slow to import)

    loaded = load(inventory)
    folder.mkdir(parents=True, exist_ok=True)
    verdicts = verify.run(inventory, junit=folder / "junit.xml", everything=True)
    about = About(
        date=datetime.now().astimezone(),
        revision=_revision(),
        tools={tool: version(tool) for tool in TOOLS},
        hosts=versions_of(verdicts.read),
    )
    claims = evidence_by_claim(verdicts.evidence)
    sites = _sites(loaded.lab)
    content = {
        "lab": loaded.lab.name,
        "date": about.date.isoformat(timespec="seconds"),
        "revision": about.revision,
        "versions": {"here": about.tools, **about.hosts},
        "sites": [asdict(site) for site in sites],
        "findings": [claim.model_dump(mode="json") for claim in claims],
        "measured": [measurement.model_dump(mode="json") for measurement in verdicts.measured],
        "others": [item.model_dump(mode="json") for item in verdicts.evidence if item.claim is None],
    }
    (folder / "report.json").write_text(json.dumps(content, indent=1, ensure_ascii=False), encoding="utf-8")
    plots, tables = figures(verdicts.measured)
    text = page(about, verdicts.evidence, topology(loaded.lab, loaded.plan), plots, tables, sites=sites)
    (folder / "report.html").write_text(text, encoding="utf-8")
    demonstrated = sum(claim.verdict == "demonstrated" for claim in claims)
    console().print(f"{demonstrated} of {len(claims)} claims demonstrated: {folder / 'report.html'}")
    return verdicts.green


def _sites(lab: Lab) -> list[ReachedSite]:
    anchors = [(host, certificates.site_certificate(lab, host).anchor) for host in lab.site_hosts]
    return [
        ReachedSite(site_url(host.address, host.settings.site_port or 0), anchor.by_lab, anchor.fingerprint)
        for host, anchor in anchors
    ]


def _revision() -> str:
    """Return git's description of this project's revision; empty if this is no checkout or git is missing."""
    describe = ["git", "-C", str(PROJECT_ROOT), "describe", "--always", "--dirty"]
    try:
        return process.run(describe).strip()
    except LabError:
        return ""
