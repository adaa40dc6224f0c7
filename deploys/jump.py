"""Set up a host's jump account, through which students reach machines that they cannot reach directly."""

from minetlab.inventory import current
from minetlab.operations import jump

lab, plan = current.lab_and_plan()

jump.account(name="Let the students through to their machines", lab=lab, plan=plan)
jump.limit(name="Limit what their connections take of the host", lab=lab)
