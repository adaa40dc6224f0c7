"""Which dataclasses of a package could be changed after they were made."""

import inspect
from dataclasses import is_dataclass
from importlib import import_module
from pkgutil import iter_modules
from types import ModuleType


def dataclasses_of(package: ModuleType) -> dict[str, bool]:
    """Whether each is frozen, by module and name."""
    modules = [import_module(f"{package.__name__}.{each.name}") for each in iter_modules(package.__path__)]
    return {
        f"{module.__name__}.{name}": vars(each)["__dataclass_params__"].frozen
        for module in modules
        for name, each in inspect.getmembers(module, inspect.isclass)
        if each.__module__ == module.__name__ and is_dataclass(each)
    }
