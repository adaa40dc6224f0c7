import json
from typing import Any

from cyclonedx.schema import OutputFormat, SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator
from packageurl import PackageURL

from minetlab.images.manifest import ImageManifest
from minetlab.supply.sbom import sbom
from tests.support.images import RECIPE, manifest
from tests.support.mirror import edition

MANIFEST = manifest({"libc6": "2.41-12", "zlib1g": "1:1.3+dfsg-3"}, archives={"tp-isa": {"zlib1g": "1:1.3"}})
SHA256 = 64 * "a"


def bill(of: ImageManifest = MANIFEST, *, is_disk: bool = True) -> Any:
    return json.loads(sbom(of, SHA256, is_disk=is_disk))


def component(name: str, of: ImageManifest = MANIFEST) -> Any:
    (one,) = [each for each in bill(of)["components"] if each["name"] == name]
    return one


def test_it_follows_the_schema_to_the_letter() -> None:
    validator = JsonStrictValidator(SchemaVersion.V1_6)
    assert validator.output_format == OutputFormat.JSON
    assert validator.validate_str(sbom(MANIFEST, SHA256, is_disk=True)) is None
    assert validator.validate_str(sbom(MANIFEST, SHA256, is_disk=True).replace('"library"', '"book"'))


def test_each_package_has_the_address_that_debian_packages_have() -> None:
    assert PackageURL.from_string(component("zlib1g")["purl"]) == PackageURL(
        "deb",
        "debian",
        "zlib1g",
        "1:1.3+dfsg-3",
        {"arch": "amd64", "distro": "debian-13", "upstream": "zlib1g-src@1:1.3+dfsg-3"},
    )


def test_a_package_that_is_its_own_source_has_no_other() -> None:
    package = MANIFEST.packages[0].model_copy(update={"source": "libc6"})
    of = MANIFEST.model_copy(update={"packages": (package,), "archives": {}})
    assert component("libc6", of)["purl"] == "pkg:deb/debian/libc6@2.41-12?arch=amd64&distro=debian-13"


def test_it_says_of_which_image_it_is() -> None:
    metadata = bill()["metadata"]
    image = metadata["component"]
    assert (image["name"], image["type"]) == ("base", "operating-system")
    assert image["version"] == edition().id
    assert image["hashes"] == [{"alg": "SHA-256", "content": SHA256}]
    properties = {each["name"]: each["value"] for each in image["properties"]}
    assert properties == {"minet-lab:recipe": RECIPE.digest, "minet-lab:edition": edition().title}
    assert metadata["timestamp"].startswith("2026-11-20")
    assert bill(is_disk=False)["metadata"]["component"]["type"] == "container"


def test_images_inside_of_an_image_are_listed_with_their_own_packages() -> None:
    archive = component("tp-isa")
    assert archive["type"] == "container"
    assert [each["version"] for each in archive["components"]] == ["1:1.3"]


def test_of_the_same_image_it_is_always_the_same() -> None:
    assert sbom(MANIFEST, SHA256, is_disk=True) == sbom(MANIFEST, SHA256, is_disk=True)
    assert bill()["serialNumber"] != json.loads(sbom(MANIFEST, 64 * "b", is_disk=True))["serialNumber"]
