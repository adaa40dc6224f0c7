"""The account of a host through which students reach their machines, where they have no other way to them."""

from minetlab.inventory import inventory
from minetlab.operations import jump

lab, plan = inventory.current()

jump.account(name="Let the students through to their machines", lab=lab, plan=plan)
