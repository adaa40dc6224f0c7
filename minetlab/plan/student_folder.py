"""The folder with which a student logs in, as cards and the TP site speak of it. No I/O."""

CONFIG = "ssh_config"
"""The name of the SSH configuration in it."""


def folder_home(lab: str) -> str:
    """Return the path at which students are told to put the folder on their own computers."""
    return f"~/{lab}"


def login_command(lab: str, machine: str) -> str:
    """Return the command that a student types to log into a machine."""
    return f"ssh -F {folder_home(lab)}/{CONFIG} {machine}"
