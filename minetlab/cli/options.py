"""Options that several commands have."""

from pathlib import Path
from typing import Annotated

import typer

Inventory = Annotated[Path, typer.Option("--inventory", "-i", help="The lab's inventory.")]
DEFAULT_INVENTORY = Path("inventories/lab.py")
