"""``python -m minetlab`` is ``lab``."""

from minetlab.cli import main

main()
