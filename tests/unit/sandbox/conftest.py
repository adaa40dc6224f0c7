"""A sandbox whose QEMU is a stand-in."""

from tests.support.fake_toolbox import image, toolbox

__all__ = ["image", "toolbox"]
