"""The base class of all model objects, and types of fields that group data and TOML write more simply."""

from ipaddress import IPv4Address, IPv4Network
from typing import Annotated, TypeVar

from pydantic import BaseModel, BeforeValidator, ConfigDict

Item = TypeVar("Item")
Address = Annotated[IPv4Address, BeforeValidator(lambda x: IPv4Address(x) if isinstance(x, str) else x)]
Network = Annotated[IPv4Network, BeforeValidator(lambda x: IPv4Network(x) if isinstance(x, str) else x)]
Listed = Annotated[tuple[Item, ...], BeforeValidator(lambda x: tuple(x) if isinstance(x, list) else x)]
"""A tuple that may be written as a list."""


class Frozen(BaseModel):
    """A model that cannot be changed, and that refuses fields it does not have."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)
