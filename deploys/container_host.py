"""Set up a container host: install Docker Engine from Debian, configure it, and run it now and at boot."""

from pyinfra import host

from minetlab.inventory import current
from minetlab.lab.packages import CONTAINER_HOST_PACKAGES
from minetlab.operations import docker, packages

lab, _ = current.lab_and_plan()
settings = lab.container_host(host.name).settings

packages.install(name="Install Docker Engine", packages=CONTAINER_HOST_PACKAGES)
docker.daemon(name="Configure dockerd", lab=lab.name, address_pools=settings.docker_address_pools)
docker.service(name="Run dockerd, now and at boot", lab=lab.name)
