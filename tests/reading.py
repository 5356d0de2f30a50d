"""A page as a browser asks for it, and as a test reads it."""

from html.parser import HTMLParser
from typing import Any

BROWSER = {"Accept": "text/html,application/xhtml+xml"}


class Text(HTMLParser):
    """The text of a page, and what its elements point to."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.text: list[str] = []
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: Any) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        self.text.append(data)

    def all(self, tag: str, attribute: str) -> list[str]:
        return [found for name, given in self.tags if name == tag and (found := given.get(attribute))]
