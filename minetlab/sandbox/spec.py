"""The specification of a sandbox host, as an inventory gives it in the host's data."""

from pydantic import Field, ValidationError

from minetlab.images.recipe import SUITES
from minetlab.lab.base import Frozen
from minetlab.sandbox.images import ImageKind
from minetlab.util.errors import LabError

DATA_PREFIX = "sandbox_"


class SandboxSpec(Frozen):
    """The virtual hardware and image of a sandbox host; as host data, fields start with ``sandbox_``.

    :param memory: the memory in MiB.
    :param vcpus: the number of virtual processors; an emulated host is slower with more than one
        (docs/decisions/emulated-hosts-have-one-processor.md).
    :param debian: the major version of Debian, 12 or 13.
    :param image: ``bare``, or ``warm`` with the packages of all roles.
    :param disk: the size of the disk in GiB, of which only the content takes room; each size is an image
        of its own.
    """

    # The descriptions are those of the connector's data, of which pyinfra has a list.
    memory: int = Field(default=4096, ge=512, le=1024 * 1024, description="Memory in MiB")
    vcpus: int = Field(default=1, ge=1, le=64, description="Number of virtual processors")
    debian: int = Field(default=13, ge=min(SUITES), le=max(SUITES), description="Debian version, 12 or 13")
    image: ImageKind = Field(default="warm", description="`bare`, or `warm` with the roles' packages in")
    disk: int = Field(default=64, ge=8, le=2000, description="Size of the disk in GiB")


def spec_of(name: str, **values: object) -> SandboxSpec:
    """Validate the specification of a host in the inventory.

    :param name: the host's name, for the error.
    :param **values: field of :class:`SandboxSpec` to value; None stands for the default.
    :return: the specification.
    :raises LabError: a value is not allowed; names the host and the field.
    """
    try:
        return SandboxSpec.model_validate(
            {field: value for field, value in values.items() if value is not None}
        )
    except ValidationError as error:
        problems = "; ".join(
            f"{DATA_PREFIX}{'.'.join(map(str, problem['loc']))} is {problem['input']!r}: {problem['msg']}"
            for problem in error.errors()
        )
        raise LabError(
            f"sandbox host {name}: {problems}", next_step="correct the host's data in the inventory"
        ) from error
