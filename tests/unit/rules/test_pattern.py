from __future__ import annotations

import pytest

from connector.rules.pattern import name_test, url_test

PRICE = "https://www.example.com/price/a?plan=1#top"


@pytest.mark.parametrize(
    ("pattern", "url", "fits"),
    [
        ("/price*", PRICE, True),
        ("/price*", "/price", True),
        ("/price*", "price.html", True),
        ("/price*", "https://www.example.com/old/price", False),
        ("*/price*", "https://www.example.com/old/price", True),
        ("/price", "https://www.example.com/price/", False),
        ("/", "https://www.example.com", True),
        ("/", "https://www.example.com?utm_source=mail", True),
        ("/?utm_*", "https://www.example.com?utm_source=mail", True),
        ("/*a", PRICE, True),
        ("/PRICE/A", PRICE, True),
        ("www.example.com/price*", PRICE, True),
        ("*.example.com/*", PRICE, True),
        ("example.com/*", PRICE, False),
        ("https://www.example.com/price/a", PRICE, True),
        ("http://www.example.com/price/a", PRICE, False),
        ("*top", PRICE, False),
        ("*plan*", PRICE, False),
        ("/price/a?plan=*", PRICE, True),
        ("*?plan=1", PRICE, True),
        ("/price/?", PRICE, False),
        ("/go?to=*", "https://www.example.com/go?to=https://elsewhere.example/price", True),
        ("/price*", "https://www.example.com/go?to=https://elsewhere.example/price", False),
        ("/料金*", "https://www.example.com/%E6%96%99%E9%87%91/a", True),
        ("/%E6%96%99%E9%87%91*", "https://www.example.com/料金/a", True),
        ("/[a]*", "https://www.example.com/a", False),
        ("/[a]*", "https://www.example.com/[a]b", True),
        ("*", "", False),
        ("/*", "", False),
        ("*", "http://[not-an-address/", True),
        ("/price*", "//www.example.com/price", True),
    ],
)
def test_patterns_on_addresses(pattern: str, url: str, fits: bool) -> None:
    assert url_test(pattern)(url) is fits


@pytest.mark.parametrize(
    ("pattern", "name", "fits"),
    [
        ("春の展示会*", "春の展示会2026", True),
        ("春の展示会", "春の展示会2026", False),
        ("*2026", "Spring 2026", True),
        ("spring*", "Spring 2026", True),
        ("a?c", "abc", False),
        ("a?c", "a?c", True),
        ("*", "", False),
        ("a*c", "a\nc", True),
    ],
)
def test_patterns_on_names(pattern: str, name: str, fits: bool) -> None:
    assert name_test(pattern)(name) is fits


def test_a_long_address_made_to_annoy_costs_no_more_than_its_length() -> None:
    assert url_test("*a*a*a*a*a*a*a*a*a*b")("/" + "a" * 100_000) is False
