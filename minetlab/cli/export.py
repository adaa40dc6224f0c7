"""``lab export``: the lab in the formats of other tools."""

from pathlib import Path

import typer

from minetlab.export import ansible, containerlab
from minetlab.inventory.load import load
from minetlab.report.picture import svg
from minetlab.report.topology import topology
from minetlab.ssh.ssh_config import write_config
from minetlab.util.files import make_folder, write_private

SSH_CONFIG, ANSIBLE, JSON, PICTURE = "ssh_config", "ansible.yml", "topology.json", "topology.svg"


def write(inventory_file: Path, folder: Path) -> None:
    """Write the SSH configuration, an Ansible inventory, and the topology as JSON and as a picture.

    :param inventory_file: the inventory of the lab.
    :param folder: the folder to write to; made if it does not exist.
    :raises LabError: the lab cannot be loaded, or a file cannot be written.
    """
    loaded = load(inventory_file)
    plan = loaded.plan
    shape = topology(loaded.lab, plan)
    make_folder(folder)
    config = (folder / SSH_CONFIG).resolve()
    files = {
        SSH_CONFIG: write_config(loaded).read_text(encoding="utf-8"),
        ANSIBLE: ansible.inventory(plan, loaded.hosts, config),
        JSON: containerlab.topology_json(shape, plan),
        PICTURE: svg(shape),
    }
    for name, text in files.items():
        write_private(folder / name, text)
    typer.echo(f"{folder}/: {', '.join(files)}")
