"""The site's web server: nginx from Debian, in an image made as TP images are, which holds no page."""

import json
from hashlib import sha256

from minetlab.images import SUITES, ImageRecipe
from minetlab.images.recipe import files_of
from minetlab.resources.tp_images import ImageSpec
from minetlab.tp.tp_images import STRIP
from minetlab.util.paths import TEMPLATES

DEBIAN = 13
INSTRUCTIONS = (
    "USER www-data",
    # -e: before it has read its configuration, nginx would write errors to a file.
    'CMD ["/usr/sbin/nginx", "-e", "stderr", "-c", "/etc/minet-lab/nginx.conf"]',
)


def recipe() -> ImageRecipe:
    """What the image's root file system is made of; its digest is the content hash."""
    return ImageRecipe(
        name="site",
        suite=SUITES[DEBIAN],
        packages=("nginx",),
        files=files_of(TEMPLATES / "site" / "server"),
        hooks=(STRIP,),
    )


def spec(lab: str) -> ImageSpec:
    """The image as a container host of the lab knows it."""
    content = json.dumps([recipe().digest, INSTRUCTIONS])
    return ImageSpec(lab, "site", sha256(content.encode()).hexdigest(), INSTRUCTIONS)
