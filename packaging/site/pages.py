"""Puts the pages of the documentation site together, and their configuration, in `target/site`.

They are the repository's own Markdown files, at the places they have there, so that links between pages work as they
are. A link to something that is not a page (a source file, a directory) becomes its text: the site does not contain
the sources. The first page is the README.
"""

import re
import shutil
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
SITE = ROOT / "target/site"
PAGES = SITE / "pages"
PARTS = ["*.md", "docs/*.md", "docs/*.png", "docs/*.svg", "docs/python/*.svg", "python/README.md"]
LINK = re.compile(r"(?<!!)\[([^\]]+)\]\((?![a-z]+:|#)([^)#\s]+)(#[^)\s]*)?\)")


def without_sources(text, place):
    """The text of a page; of links that lead to sources only their words are left."""

    def shown(link):
        is_source = not (place / link[2]).is_file() and (ROOT / place.relative_to(PAGES) / link[2]).exists()
        return link[1] if is_source else link[0]

    return LINK.sub(shown, text)


def main():
    shutil.rmtree(PAGES, ignore_errors=True)
    sources = sorted(source for part in PARTS for source in ROOT.glob(part))
    for source in sources:
        place = PAGES / source.relative_to(ROOT)
        place.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(source, place)
    for page in PAGES.rglob("*.md"):
        page.write_text(without_sources(page.read_text(), page.parent))
    # The builder writes only beside its configuration.
    shutil.copy2(Path(__file__).with_name("mkdocs.yml"), SITE)


if __name__ == "__main__":
    main()
