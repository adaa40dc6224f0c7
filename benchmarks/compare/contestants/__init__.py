"""The contestants, in the order of the tables."""

from benchmarks.compare.contestant import Contestant
from benchmarks.compare.contestants.ansible import Ansible
from benchmarks.compare.contestants.compose import DockerCompose
from benchmarks.compare.contestants.floor import Floor
from benchmarks.compare.contestants.kcli import Kcli
from benchmarks.compare.contestants.minet_lab import MinetLab
from benchmarks.compare.contestants.pyinfra import Pyinfra
from benchmarks.compare.contestants.vagrant import Vagrant
from benchmarks.compare.contestants.virt_install import VirtInstall
from benchmarks.compare.contestants.virt_lightning import VirtLightning

CONTESTANTS: tuple[type[Contestant], ...] = (
    Floor,
    MinetLab,
    Pyinfra,
    Ansible,
    VirtLightning,
    Kcli,
    VirtInstall,
    DockerCompose,
    Vagrant,
)
FLOOR = Floor.name
"""The contestant that the others are compared with."""
LAB = MinetLab.name
