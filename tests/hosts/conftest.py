"""What the checks of this folder take as arguments, and how pytest runs them on every machine of a lab.

pytest tests/hosts --inventory inventories/lab.py -n 4
"""

pytest_plugins = ["minetlab.checks.plugin", "minetlab.checks.fixtures"]
