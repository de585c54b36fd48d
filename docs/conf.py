"""The documentation's site: `make docs` builds it with Sphinx into build/docs, offline and without warnings."""

from __future__ import annotations

import sys
from pathlib import Path

import mixtura

sys.path.insert(0, str(Path(__file__).parent / "_extensions"))

project = "mixtura"
author = "The mixtura developers"
copyright = "2026, the mixtura developers"
version = release = mixtura.__version__

extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.napoleon", "mathml", "reference", "gallery"]
exclude_patterns = ["_extensions", "generated/pages"]
suppress_warnings = ["config.cache", "ref.python"]  # ref.python: a word in a type is the name of two methods

html_theme = "furo"
html_title = "mixtura"
html_math_renderer = "mathml"
html_show_sourcelink = False
html_extra_path = ["generated/pages"]  # the explorer's pages, as they are
html_static_path = ["_static"]
html_css_files = ["site.css"]

myst_enable_extensions = ["dollarmath", "deflist"]
myst_heading_anchors = 4

default_role = "code"
autodoc_member_order = "bysource"
autodoc_typehints = "none"
napoleon_numpy_docstring = True
napoleon_google_docstring = False
napoleon_use_ivar = True
napoleon_use_rtype = False
pygments_dark_style = "monokai"
