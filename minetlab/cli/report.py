"""``lab report``: verify the lab, and write what was seen of the claims, for people and for programs."""

import json
from datetime import datetime
from importlib.metadata import version
from pathlib import Path

from rich.console import Console

from minetlab.checks import verify
from minetlab.checks.versions import versions_of
from minetlab.claims.evidence import findings
from minetlab.inventory.load import load
from minetlab.report.page import About, page
from minetlab.report.topology import topology
from minetlab.util import process
from minetlab.util.errors import LabError
from minetlab.util.paths import PROJECT_ROOT

TOOLS = ("minet-lab", "pyinfra", "pytest-testinfra", "libvirt-python", "docker")


def write(inventory: Path, folder: Path) -> bool:
    """Verify the lab and write ``report.html``, ``report.json`` and ``junit.xml``; whether all was proved.

    :param folder: where to; made if it is not there.
    """
    from minetlab.report.figures import figures  # noqa: PLC0415 (a plotting library, which only this needs)

    loaded = load(inventory)
    folder.mkdir(parents=True, exist_ok=True)
    verdicts = verify.run(inventory, junit=folder / "junit.xml", everything=True)
    about = About(
        date=datetime.now().astimezone(),
        revision=_revision(),
        tools={tool: version(tool) for tool in TOOLS},
        hosts=versions_of(verdicts.read),
    )
    found = findings(verdicts.evidence)
    content = {
        "lab": loaded.lab.name,
        "date": about.date.isoformat(timespec="seconds"),
        "revision": about.revision,
        "versions": {"here": about.tools, **about.hosts},
        "findings": [each.model_dump(mode="json") for each in found],
        "measured": [each.model_dump(mode="json") for each in verdicts.measured],
        "others": [each.model_dump(mode="json") for each in verdicts.evidence if each.claim is None],
    }
    (folder / "report.json").write_text(json.dumps(content, indent=1, ensure_ascii=False), encoding="utf-8")
    plots, tables = figures(verdicts.measured)
    text = page(about, verdicts.evidence, topology(loaded.lab, loaded.plan), plots, tables)
    (folder / "report.html").write_text(text, encoding="utf-8")
    shown = sum(each.verdict == "demonstrated" for each in found)
    Console().print(f"{shown} of {len(found)} claims demonstrated: {folder / 'report.html'}")
    return verdicts.green


def _revision() -> str:
    """The project's revision, marked where the tree differs from it; empty outside of git, and without it."""
    describe = ["git", "-C", str(PROJECT_ROOT), "describe", "--always", "--dirty"]
    try:
        return process.run(describe).strip()
    except LabError:
        return ""
