"""``lab report``: verify the lab, and write what was seen of the claims, for people and for programs."""

import json
import subprocess
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

from rich.console import Console

from minetlab import inventory as inventories
from minetlab.access import alias_of
from minetlab.cli import verify
from minetlab.course.evidence import findings
from minetlab.model import Lab
from minetlab.paths import PROJECT_ROOT
from minetlab.plan import Plan, allocate
from minetlab.render import render

TOOLS = ("minet-lab", "pyinfra", "pytest-testinfra", "libvirt-python", "docker")


def run(inventory: Path, folder: Path) -> bool:
    """Verify the lab and write ``report.html``, ``report.json`` and ``junit.xml``; whether all was proved.

    :param folder: where to; made if it is not there.
    """
    lab = inventories.load(inventories.read(inventory))
    folder.mkdir(parents=True, exist_ok=True)
    verdicts = verify.run(inventory, junit=folder / "junit.xml")
    about = {
        "lab": lab.name,
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
        "revision": _revision(),
        "versions": {tool: version(tool) for tool in TOOLS},
    }
    found = findings(verdicts.evidence)
    content = {**about, "findings": [each.model_dump(mode="json") for each in found]}
    (folder / "report.json").write_text(json.dumps(content, indent=1, ensure_ascii=False))
    page = render("report/report.html.j2", **about, findings=found, hosts=_hosts(lab, allocate(lab)))
    (folder / "report.html").write_text(page)
    shown = sum(each.verdict == "demonstrated" for each in found)
    Console().print(f"{shown} of {len(found)} claims demonstrated: {folder / 'report.html'}")
    return verdicts.green


def _revision() -> str:
    """The project's revision, marked where the tree differs from it; empty outside of git."""
    describe = ["git", "-C", str(PROJECT_ROOT), "describe", "--always", "--dirty"]
    return subprocess.run(describe, capture_output=True, text=True, check=False).stdout.strip()


def _hosts(lab: Lab, plan: Plan) -> list[dict[str, object]]:
    """The topology: each host, its role, and what is on it."""
    kvm, containers = {host.name for host in lab.kvm_hosts}, {host.name for host in lab.container_hosts}
    return [
        {
            "name": alias_of(name),
            "roles": [role for role, names in (("KVM", kvm), ("Docker", containers)) if name in names],
            "guests": [(guest.name, str(guest.address.ip)) for guest in plan.guests_on(name)],
            "containers": [container.name for container in plan.containers_on(name)],
        }
        for name in sorted(kvm | containers)
    ]
