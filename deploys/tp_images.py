"""Import the TP images, built on this machine, on a container host."""

from pyinfra import host

from minetlab.inventory import current
from minetlab.operations import tp_images

lab, _ = current.lab_and_plan()
settings = lab.container_host(host.name).settings

tp_images.load(name="Import the TP images", lab=lab.name, names=settings.tp_images)
