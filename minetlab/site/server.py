"""The image of the site's web server: Debian's nginx, built like a TP image; it does not have the pages."""

from minetlab.images.editions import content_digest
from minetlab.images.recipe import SUITES, ImageRecipe, files_of
from minetlab.resources.tp_images import ImageSpec
from minetlab.tp.tp_images import STRIP
from minetlab.util.paths import TEMPLATES

DEBIAN = 13
SITE_IMAGE_INSTRUCTIONS = (
    "USER www-data",
    # -e stderr: until nginx has read its configuration, it would write errors to a file.
    'CMD ["/usr/sbin/nginx", "-e", "stderr", "-c", "/etc/minet-lab/nginx.conf"]',
)


def recipe() -> ImageRecipe:
    """Return the recipe of the image's root file system."""
    return ImageRecipe(
        name="site",
        suite=SUITES[DEBIAN],
        packages=("nginx",),
        files=files_of(TEMPLATES / "site" / "server"),
        hooks=(STRIP,),
    )


def spec(lab: str) -> ImageSpec:
    """Return the image as the container hosts of the lab ``lab`` know it."""
    return ImageSpec(lab, "site", content_digest(recipe()), SITE_IMAGE_INSTRUCTIONS)
