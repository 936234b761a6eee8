"""A strict emulated kintone domain on plain HTTP.

    kintone = KintoneEmulator(clock=Clock(), chaos=Chaos())
    with Server(kintone.handle, chaos=kintone.chaos) as server: ...

It answers what kintone answers, and refuses what kintone refuses: unknown options, duplicates, required fields left
empty in what is stored, stale revisions, an eleventh cursor, two tokens of one app. What a real one silently does, it
silently does: it ignores unknown field codes, cuts seconds off, takes the rows away that a table is sent without.
Every behaviour, its source and whether it is verified or guessed: `docs/adapters/kintone.facts.md`.

Besides the faults of the server, these can be ordered with `chaos.plan(kind, ...)`:

* `concurrency`, `quota` - 429 GAIA_TO04: too many requests run at once, the only quota that kintone refuses for
* `cursor_slots` - 429 GAIA_TM12 for a new cursor
* `locator` - the cursor of this request is gone: 404 GAIA_CN01
* `db_lock`, `row_lock` - a write loses its race: 400 GAIA_DA02 and 409 GAIA_CO02 by turns, or always `code`
* `row_fail` - a write is refused as CB_VA01, for the records in `rows` (places from 0) or the first `count` (default
  1), each in its field `field` (default: the app's first) with `message`
* `warning` - a search is cut off after `rows` (default: half of the hits), with the header X-Cybozu-Warning
* `late_commit` - what the request writes is stamped now, but seen only after `seconds` (default 60) of the domain's
  clock; until then its records and its unique values are locked for others
* `expired` - the OAuth token of this request is dead from now on
* `maintenance` - 503 with a page in HTML
"""

from connector.sandbox.kintone.emulator import KintoneEmulator
from connector.sandbox.kintone.errors import Refusal
from connector.sandbox.kintone.model import Comment, Mention

__all__ = ["Comment", "KintoneEmulator", "Mention", "Refusal"]
