"""What an inventory may say of a sandbox host."""

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from minetlab.images import SUITES
from minetlab.sandbox.images import ImageKind
from minetlab.util.errors import LabError

DATA_PREFIX = "sandbox_"


class SandboxSpec(BaseModel):
    """Virtual hardware and image of a sandbox host; as host data, each field has ``sandbox_`` in front.

    :param memory: in MiB.
    :param vcpus: virtual processors; emulated, more than one cost more than they give
        (docs/decisions/emulated-hosts-have-one-processor.md).
    :param debian: major version of Debian, 12 or 13.
    :param image: ``bare``, or ``warm`` with the roles' packages already in.
    :param disk: size of the disk in GiB; it takes the room of its content only. Each size is another image.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    memory: int = Field(default=4096, ge=512, le=1024 * 1024)
    vcpus: int = Field(default=1, ge=1, le=64)
    debian: int = Field(default=13, ge=min(SUITES), le=max(SUITES))
    image: ImageKind = "warm"
    disk: int = Field(default=64, ge=8, le=2000)


def spec_of(name: str, **values: object) -> SandboxSpec:
    """Validate what the inventory says of host ``name``; fields that are None have their default.

    :raises LabError: a value is impossible; names the host and the field.
    """
    try:
        return SandboxSpec.model_validate({field: v for field, v in values.items() if v is not None})
    except ValidationError as error:
        wrong = "; ".join(
            f"{DATA_PREFIX}{'.'.join(map(str, e['loc']))} is {e['input']!r}: {e['msg']}"
            for e in error.errors()
        )
        raise LabError(
            f"sandbox host {name}: {wrong}", next_step="correct the host's data in the inventory"
        ) from error
