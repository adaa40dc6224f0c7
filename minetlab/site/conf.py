"""Sphinx's configuration for the site; what differs between labs is given on its command line."""

from sphinx.application import Sphinx

from minetlab.site.lexer import SheetLexer
from minetlab.util.paths import TEMPLATES

language = "fr"
extensions = ["myst_parser"]
myst_heading_anchors = 2
html_theme = "theme"
html_theme_path = [str(TEMPLATES / "site")]
html_copy_source = False
html_use_index = False
html_permalinks = False
# Sheets are shown as they are written, including the quotation marks.
smartquotes = False


def setup(app: Sphinx) -> None:
    """Colour the commands of sheets with their own lexer, and leave out the search, which needs scripts."""
    app.add_lexer("console", SheetLexer)
    app.connect("builder-inited", lambda app: setattr(app.builder, "search", False))
