"""The base of every model object."""

from pydantic import BaseModel, ConfigDict


class Frozen(BaseModel):
    """Immutable, and an unknown field is an error rather than a silent nothing."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)
