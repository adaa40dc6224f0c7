"""Serve the TP site on a container host, or remove it; web server and pages are built on this machine."""

from pyinfra import host

from minetlab.inventory import current
from minetlab.operations import site

lab, plan = current.lab_and_plan()
container_host = lab.container_host(host.name)

if container_host.settings.site_port:
    site.image(name="Import the web server of the TP site", lab=lab.name)
    site.serve(name="Serve the TP site", lab=lab, plan=plan, container_host=container_host)
else:
    site.remove(name="Serve no TP site", lab=lab.name)
