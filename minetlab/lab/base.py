"""The base class of all model objects."""

from pydantic import BaseModel, ConfigDict


class Frozen(BaseModel):
    """A model that cannot be changed, and that refuses fields it does not have."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)
