"""e-Sales Manager (eセールスマネージャー) emulated, in its two generations, strict, on loopback.

`RemixEmulator` is the older one, Remix: `/CONTEXT/rest/v1`, columns by numeric code, a search by POST.
`EsmEmulator` is the newer one, esm: `/auth/token` and `/esm-api/{tenant}/pub/esms/v1/…` (older `/sheet-fs/…`), items by
dotted key, no search. Nobody has compared either with a live tenant. Every behaviour and its source:
`docs/adapters/esales.facts.md`. Whatever no public page tells is a switch in `RemixSettings` or `EsmSettings`, so that
a client can be tried against each way it might be; switches may be turned while the emulator runs.

Guesses that are no switches; a client must not lean on any of them:

* Remix: all codes that `remix/entities.py` calls inventions, among them those of stage, probability, amount and date of
  a deal, of activities, todos, employees and the 拡張シート; the statuses and words of refusals; that null and "" empty
  a column; that a primary key in a registration is refused; that a record on which others depend is deleted only with
  `bulkRelate`; that `notExists` of an inner condition asks for the absence of such linked records, and of the outer one
  has no effect; that `sortKeys` other than null is refused; the bulk endpoints aren't there
* esm: all items that `esm/catalogue.py` calls inventions; the name `refreshToken` in a refresh; 401, 403, 404 and the
  words of refusals; that the login needs no X-ESM-TIMEZONE; which bodies count as malformed (wrong Content-Type, no
  JSON object, a value of a wrong JSON type); 256 characters for an e-mail address and 64 for a telephone number; that
  a record on which others depend isn't deleted; bodies and answers of lists, the body of a post, the Search API; the
  contact rows of customer and 案件 are left out
* both: a removed choice stays in the records that hold it; a refused or locked record answers 400; the stamps are whole
  seconds, and move with every write, even an empty one

Faults in these emulators' own domain (`Chaos.plan(kind, ...)`; the server knows the generic ones, of which
`reset_after`, `late` and `delay` make a registration that succeeds although its answer is lost or comes too late):

* `expired` - the token of this call is dead from now on
* `quota` - 429 with Retry-After `seconds` (default 60), or without it for `seconds=None`
* `row_fail` - this write is refused with 400
* `late_commit` - what is written is stamped now, and seen by readers only `seconds` later (default 30) by the clock;
  matched with the entity or sheet alone, e.g. `path="^person$"`, and also struck by what is written from Python
* `small_pages` - Remix: fewer rows than a page holds although more follow: `rows` (default half of the page)
* `busy` - esm: 500 「ただいまシステムが込み合っております」 whatever was asked
"""

from connector.sandbox.esales.esm.service import EsmEmulator
from connector.sandbox.esales.esm.settings import EsmSettings
from connector.sandbox.esales.refusal import Refusal
from connector.sandbox.esales.remix.service import RemixEmulator
from connector.sandbox.esales.remix.settings import ListShape, RemixSettings

__all__ = ["EsmEmulator", "EsmSettings", "ListShape", "Refusal", "RemixEmulator", "RemixSettings"]
