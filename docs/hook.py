"""The hook of `mkdocs.yml`, for what the site needs beyond the pages of docs/. mkdocs calls its functions by their names.

* A folder in the navigation stands for all its pages, so that a new decision or finding needs no line in `mkdocs.yml`.
* A link to a file of the repository that is not in docs/ leads to a page of the site that shows the file. The same link works on
  GitHub, and the site need not know where the repository is.
* In a table GitHub needs a backslash before a bar inside code, and mkdocs shows the backslash: it is taken out.
* A page that would fetch anything from another host stops the build.
"""

import pathlib
import posixpath
import re
from collections.abc import Iterator
from typing import Any, Final

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.exceptions import PluginError
from mkdocs.structure.files import File, Files, InclusionLevel
from mkdocs.structure.pages import Page

DOCS: Final = pathlib.Path(__file__).parent
ROOT: Final = DOCS.parent

_ROW: Final = re.compile(r"^\|.*\|$", re.MULTILINE)
_CODE: Final = re.compile(r"`[^`\n]+`")
_LINK: Final = re.compile(r"(?<=\]\()(\.\./[^)\s#]+)(?=[)#])")
_FETCH: Final = re.compile(r"""<(?:script|link|img|iframe|source)\b[^>]*?\b(?:src|href)=["']?(?:https?:)?//[^>]*>""")


def on_config(config: MkDocsConfig) -> MkDocsConfig:
    """Replace each folder in the navigation by its pages."""
    config.nav = _spread(config.nav)
    return config


def _spread(node: Any) -> Any:
    if isinstance(node, list):
        return [_spread(each) for each in node]
    if isinstance(node, dict):
        return {title: _spread(below) for title, below in node.items()}
    if isinstance(node, str) and node.endswith("/"):
        pages = (DOCS / node).glob("*.md")
        return [f"{node}{page.name}" for page in sorted(pages, key=lambda page: (page.name != "README.md", page.name))]
    return node


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add a page for each file outside of docs/ that a page links."""
    for page in tuple(files.documentation_pages()):
        for _, path in _outside(page.src_uri, page.content_string):
            if files.get_file_from_path(shown := _shown(path)) is None:
                inclusion = InclusionLevel.NOT_IN_NAV
                files.append(File.generated(config, shown, content=_content(path), inclusion=inclusion))
    return files


def on_page_markdown(markdown: str, page: Page, config: MkDocsConfig, files: Files) -> str:
    """Lead the links to files outside of docs/ to their pages, and write the code in tables as mkdocs reads it."""
    here = posixpath.dirname(page.file.src_uri)
    leads = {link: posixpath.relpath(_shown(path), here or ".") for link, path in _outside(page.file.src_uri, markdown)}
    markdown = _LINK.sub(lambda found: leads.get(found[0], found[0]), markdown)
    return _ROW.sub(lambda row: _CODE.sub(lambda code: code[0].replace(r"\|", "|"), row[0]), markdown)


def _outside(page: str, markdown: str) -> Iterator[tuple[str, str]]:
    """Yield each link of a page to a file outside of docs/, with the path of the file from the root of the repository."""
    for link in _LINK.findall(markdown):
        path = posixpath.normpath(posixpath.join("docs", posixpath.dirname(page), link))
        if not path.startswith(("docs/", "../")) and (ROOT / path).exists():
            yield link, path


def _shown(path: str) -> str:
    """Return the place of the page that shows a file."""
    return f"files/{path}.md"


def _content(path: str) -> str:
    """Return the page that shows a file, or all files of a folder."""
    place = ROOT / path
    files = [place] if place.is_file() else sorted(each for each in place.iterdir() if each.is_file())
    parts = [f"# {path}\n"]
    for file in files:
        heading = f"\n## {file.name}\n" if file != place else ""
        text = file.read_text(encoding="utf-8").rstrip("\n")
        parts.append(f"{heading}\n`````{file.suffix.removeprefix('.')}\n{text}\n`````\n")
    return "".join(parts)


def on_post_build(config: MkDocsConfig) -> None:
    """Stop where a page would fetch something from another host."""
    for page in sorted(pathlib.Path(config.site_dir).rglob("*.html")):
        found = _FETCH.search(page.read_text(encoding="utf-8"))
        if found:
            raise PluginError(f"{page} would fetch something from another host: {found[0]}")
