"""Patterns on addresses and names, as they are written in `url:` and `campaign:`.

`*` stands for any text, also for none and for one with slashes. Everything else stands for itself; upper and lower
case are the same. A text that is empty fits no pattern. For addresses, the pattern decides what it is compared with:

| pattern | compared with | of `https://www.example.com/price/a?plan=1#top` |
|---|---|---|
| begins with `/` | the path | `/price/a` |
| holds `://` | the whole address | `https://www.example.com/price/a` |
| any other | the address without its scheme | `www.example.com/price/a` |

The query takes part only where the pattern holds a `?`, the part behind `#` never. Percent-encoded characters are
compared as what they stand for, so `/料金*` fits. An address without a host is a path already.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from fnmatch import translate
from functools import lru_cache
from urllib.parse import unquote

Test = Callable[[str], bool]

_SCHEME = re.compile(r"(?:[a-z][a-z0-9+.-]*:)?//")
_ORIGIN = re.compile(r"(?:[a-z][a-z0-9+.-]*:)?//[^/?]*")


@lru_cache(maxsize=1024)
def name_test(pattern: str) -> Test:
    """A test whether a name fits `pattern`."""
    # fnmatch knows ? and [..] besides; here they stand for themselves. It never backtracks over an earlier *, so that
    # a long address made up by a visitor costs no more than its length.
    fits = re.compile(translate(re.sub(r"[\[?]", r"[\g<0>]", pattern.lower()))).match
    return lambda name: bool(name) and fits(name.lower()) is not None


@lru_cache(maxsize=1024)
def url_test(pattern: str) -> Test:
    """A test whether an address fits `pattern`."""
    fits = name_test(unquote(pattern))
    part = _path if pattern.startswith("/") else _whole if "://" in pattern else _without_scheme
    with_query = "?" in pattern

    def test(url: str) -> bool:
        address = url.partition("#")[0]
        if not with_query:
            address = address.partition("?")[0]
        return bool(address) and fits(unquote(part(address.lower())))

    return test


def _whole(address: str) -> str:
    return address


def _without_scheme(address: str) -> str:
    return _SCHEME.sub("", address, count=1) if _SCHEME.match(address) else address


def _path(address: str) -> str:
    origin = _ORIGIN.match(address)
    path = address[origin.end() :] if origin else address
    return path if path.startswith("/") else f"/{path}"
