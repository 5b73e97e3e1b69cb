"""Titles as they were typed."""

from html import unescape

import pytest

from pipelines.sandbox.rest import show_title
from pipelines.transform.titles import shown_title, typed


@pytest.mark.parametrize(
    "title", ["", "Jeugd", "'t Hok", "Foto's", 'De "Oude" Garde', "Kantine & Co", "TC - senioren", "Zaal 5x5", "Enz...", "<b>"]
)
def test_a_title_that_is_shown_in_print_is_read_as_it_was_typed(title):
    assert shown_title({"title": show_title(title)}) == title


@pytest.mark.parametrize("post", [{}, {"title": None}, {"title": "Jeugd"}, {"title": {}}, {"title": {"rendered": None}}])
def test_a_post_that_shows_no_title_has_an_empty_one(post):
    assert shown_title(post) == ""


def test_what_is_typed_in_print_reads_the_same():
    printed = unescape("&lsquo;Foto&rsquo;s&rsquo; &ndash; &ldquo;jeugd&rdquo; &mdash; 5&times;5&hellip;")
    assert typed(printed) == typed("'Foto's' - \"jeugd\" -- 5x5...")
