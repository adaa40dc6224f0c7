"""Set up a host's firewall: what the lab's machines may reach on the host, and beyond it."""

from minetlab.inventory import current
from minetlab.operations import firewall

lab, plan = current.lab_and_plan()

firewall.load(name="Keep the lab's machines from the host and from others", lab=lab, plan=plan)
