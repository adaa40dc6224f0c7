"""A container host: Docker Engine from Debian, with the lab's settings, running now and after a reboot."""

from pyinfra import host

from minetlab.inventory import current
from minetlab.lab.packages import CONTAINER_HOST_PACKAGES
from minetlab.operations import docker, packages

lab, _ = current.lab_and_plan()
settings = lab.container_host(host.name).settings

packages.install(name="Install Docker Engine", packages=CONTAINER_HOST_PACKAGES)
docker.daemon(name="Configure dockerd", lab=lab.name, address_pools=settings.docker_address_pools)
docker.service(name="Run dockerd, now and at boot", lab=lab.name)
