"""Settings of the documentation: ``make docs`` builds it into docs/_build/html."""

from __future__ import annotations

import os
import sys
from pathlib import Path

HERE = Path(__file__).parent
sys.path[:0] = [str(HERE), str(HERE.parent)]

from _reference import write_reference  # noqa: E402

import skautoal  # noqa: E402

project = "skautoal"
author = "the skautoal developers"
copyright = f"2026, {author}"
version = release = skautoal.__version__

extensions = [
    "sphinx.ext.autodoc",
    "sphinx.ext.autosummary",
    "numpydoc",
    "myst_parser",
    "sphinx_copybutton",
    "sphinx_design",
    "sphinx_gallery.gen_gallery",
    "_mathml",
]
# No intersphinx: it would fetch the inventories of other projects while building.

exclude_patterns = ["_build", "auto_examples/*.ipynb", "**/GALLERY_HEADER.rst"]
suppress_warnings = ["config.cache"]  # sphinx-gallery's settings hold functions
smartquotes = False  # quotes in messages and types are code
nitpicky = True
# Names of other projects have nowhere to lead; our own must lead somewhere.
nitpick_ignore_regex = [(r"py:.*", r"(?!skautoal\b).*")]

myst_enable_extensions = ["amsmath", "colon_fence", "deflist", "dollarmath"]
myst_heading_anchors = 3
html_math_renderer = "mathml"
math_numfig = False

autosummary_generate = False  # docs/_reference.py writes the pages
autodoc_typehints = "none"  # numpydoc's sections name the types
numpydoc_show_class_members = False
numpydoc_xref_param_type = False
copybutton_prompt_text = r">>> |\.\.\. |\$ "
copybutton_prompt_is_regexp = True

sphinx_gallery_conf = {
    "examples_dirs": str(HERE.parent / "examples"),
    "gallery_dirs": "auto_examples",
    "filename_pattern": r"[/\\](plot|loop)_",
    "ignore_pattern": r"^(?!plot_|loop_)",
    "doc_module": ("skautoal",),
    "backreferences_dir": "generated/backreferences",
    "reference_url": {"skautoal": None},
    "write_computation_times": False,
    "ignore_repr_types": r"matplotlib\.axes",
    "show_memory": False,
    "show_signature": False,
    "download_all_examples": False,
    "remove_config_comments": True,
    "matplotlib_animations": False,
    "plot_gallery": "True",
    "only_warn_on_example_error": False,
}

html_theme = "pydata_sphinx_theme"
html_title = "skautoal"
html_static_path = ["_static"]
html_css_files = ["skautoal.css"]
html_copy_source = False
# These have no pages below them that a side bar could list.
html_sidebars = {
    page: [] for page in ("autoal", "changelog", "citing", "comparison", "install", "quickstart")
}
html_show_sourcelink = False
html_theme_options = {
    "header_links_before_dropdown": 5,
    "navbar_align": "left",
    "navigation_with_keys": False,
    "show_toc_level": 2,
    "footer_start": ["copyright"],
    "footer_end": ["sphinx-version"],
}

# Examples draw into files, whatever the terminal offers.
os.environ["MPLBACKEND"] = "Agg"


def _write_pages(app, config) -> None:
    from _figures import write_figures

    write_reference(HERE / "generated" / "api")
    write_figures(HERE / "generated" / "figures")


def setup(app) -> None:
    """Write the pages that are made from the code; called by Sphinx."""
    app.connect("config-inited", _write_pages)
