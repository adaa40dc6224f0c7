"""Render templates: an undefined name is an error, and values are escaped in XML, HTML and SVG."""

from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined, select_autoescape

from minetlab.util.paths import TEMPLATES

_ENVIRONMENT = Environment(
    loader=FileSystemLoader(TEMPLATES),
    undefined=StrictUndefined,
    autoescape=select_autoescape(("xml.j2", "html.j2", "svg.j2"), default=False),
    trim_blocks=True,
    lstrip_blocks=True,
    keep_trailing_newline=True,
)


def render(template: str, **values: Any) -> str:
    """Render a template.

    :param template: its path below ``templates/``. Values are escaped if it ends with ``.xml.j2``,
        ``.html.j2`` or ``.svg.j2``.
    :param **values: the template's variables.
    :return: the text.
    """
    return _ENVIRONMENT.get_template(template).render(values)
