"""The TP images of a container host: built here, imported there."""

from pyinfra import host

from minetlab.inventory import inventory
from minetlab.operations import tp_images

lab, _ = inventory.current()
settings = lab.container_host(host.name).settings

tp_images.load(name="Import the TP images", lab=lab.name, names=settings.tp_images)
