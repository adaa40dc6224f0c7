"""Run the students' containers on a container host, with their network; remove TP images out of use."""

from pyinfra import host

from minetlab.inventory import current
from minetlab.operations import access, autoload, docker, homes, slices, tp_images

lab, plan = current.lab_and_plan()
settings = lab.container_host(host.name).settings

containers = plan.containers_on(host.name)

access.keys(name="Let the students log into their containers", lab=lab.name, containers=containers)
homes.mount(name="Give each container a home folder", lab=lab.name, containers=containers, settings=settings)
slices.limit(name="Limit what containers do to the host's disks", lab=lab.name, settings=settings)
docker.containers(
    name="Run the students' containers",
    lab=lab.name,
    containers=containers,
    settings=settings,
)
tp_images.prune(name="Remove TP images that are out of use", lab=lab.name, names=settings.tp_images)
# Last: until then, all that a lab needs can be loaded.
autoload.modules(name="Keep the kernel from loading modules on demand", on_demand=settings.module_autoload)
