"""The account of a host through which students reach their machines, where they have no other way to them."""

from minetlab.inventory import current
from minetlab.operations import jump

lab, plan = current.lab_and_plan()

jump.account(name="Let the students through to their machines", lab=lab, plan=plan)
