"""What a container host says of its TP images."""

import json

STATE = "docker container ls"


def image_line(reference: str) -> str:
    repository, tag = reference.split(":")
    return json.dumps({"kind": "image", "identifier": "sha256:1", "repository": repository, "tag": tag})
