"""Titles as they were typed: WordPress shows them as HTML, and with the quotes and dashes of print."""

import re
from html import unescape

from pipelines.clients import JsonObject

_TYPED = str.maketrans(
    {
        **dict.fromkeys(unescape("&lsquo;&rsquo;&prime;"), "'"),
        **dict.fromkeys(unescape("&ldquo;&rdquo;&Prime;"), '"'),
        **dict.fromkeys(unescape("&ndash;&mdash;"), "-"),
        unescape("&hellip;"): "...",
        unescape("&times;"): "x",
    }
)
"""What is shown, and what it was. Source: wptexturize of WordPress, seen in November 2026."""


def shown_title(post: JsonObject) -> str:
    """The title of a post as it may have been typed; empty where it shows none."""
    title = post.get("title")
    return typed(unescape(str(title.get("rendered") or ""))) if isinstance(title, dict) else ""


def typed(text: str) -> str:
    """The text in the characters of a keyboard. Two that are the same in these may be the same title."""
    return re.sub("-+", "-", text.translate(_TYPED))
