"""No dead end in the built site: every link, picture, style and script of every page leads to a file and a place in it.

What would be fetched from elsewhere when a page opens is a fault too: the site works offline.
"""

from __future__ import annotations

import sys
from functools import cache
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

FETCHED = {"img", "script", "link", "iframe", "source"}


class Page(HTMLParser):
    """The places of a page that can be linked to, and what it links to as (element, address)."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.places: set[str] = set()
        self.links: list[tuple[str, str]] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        found = dict(attrs)
        self.places |= {value for key in ("id", "name") if (value := found.get(key))}
        relation = found.get("rel") or ""
        if tag == "link" and relation in ("canonical", "author", "copyright"):
            return
        self.links += [(tag, value) for key in ("href", "src") if (value := found.get(key))]


@cache
def page_of(path: Path) -> Page:
    """A page, read once."""
    return Page(path.read_text(encoding="utf-8"))


def faults(site: Path) -> list[str]:
    """Each dead or outward link as `page: address`."""
    found = []
    for path in sorted(site.rglob("*.html")):
        for tag, address in page_of(path).links:
            parts = urlsplit(address)
            if parts.scheme in ("http", "https") or parts.netloc:
                if tag in FETCHED:
                    found.append(f"{path.relative_to(site)}: fetches {address}")
                continue
            if parts.scheme:  # data:, mailto:
                continue
            target = (path.parent / unquote(parts.path)).resolve() if parts.path else path
            target = target / "index.html" if target.is_dir() else target
            missing = not target.exists()
            place = unquote(parts.fragment)
            if missing or (place and target.suffix == ".html" and place not in page_of(target).places):
                found.append(f"{path.relative_to(site)}: {address}")
    return found


if __name__ == "__main__":
    dead = faults(Path(sys.argv[1]))
    print("\n".join(dead) or "every link leads somewhere")
    sys.exit(bool(dead))
