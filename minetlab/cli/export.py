"""``lab export``: the lab in the formats of other tools."""

from pathlib import Path

import typer

from minetlab.export import ansible, containerlab
from minetlab.report.picture import svg
from minetlab.report.topology import topology
from minetlab.ssh.ssh_config import DescribedLab
from minetlab.util.files import make_folder, write_private

SSH_CONFIG, ANSIBLE, JSON, PICTURE = "ssh_config", "ansible.yml", "topology.json", "topology.svg"


def run(inventory_file: Path, folder: Path) -> None:
    """Write the SSH configuration, an Ansible inventory, and the topology as JSON and as a picture.

    :param folder: where to; made if it is not there.
    :raises LabError: they cannot be written.
    """
    described = DescribedLab.of(inventory_file)
    plan = described.plan
    shape = topology(described.lab, plan)
    make_folder(folder)
    config = (folder / SSH_CONFIG).resolve()
    files = {
        SSH_CONFIG: described.ssh_config.read_text(encoding="utf-8"),
        ANSIBLE: ansible.inventory(plan, described.hosts, config),
        JSON: containerlab.topology_json(shape, plan),
        PICTURE: svg(shape),
    }
    for name, text in files.items():
        write_private(folder / name, text)
    typer.echo(f"{folder}/: {', '.join(files)}")
