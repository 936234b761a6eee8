"""An emulated SHANON MARKETING PLATFORM (SMP): its REST API over XML, strict, on loopback.

What is public of the real API is emulated as it stands there: the API guide (apidoc.shanon.co.jp), the support site
(support.shanon.co.jp, smpdoc.shanon.co.jp), the recorded answers in shanon-ruby (MIT), TROCCO's table of what can be
filtered, and code on GitHub that calls the API. Every behaviour and its source: `docs/adapters/shanon.facts.md`.

Guesses, where nothing public was found; a client must not lean on any of them:

* errors: their HTTP statuses (400, 401, 404, 405, 415, 429), their XML (`Response/Error/Code, Message`), their codes;
  in particular the answer to a dead token, which can be changed by `token_status`
* that a new login leaves older tokens alive
* the root and row elements of activity, trackingaccesslog, mail, application, attendance, staticlist, enquetehistory
  and visitorsetting, and all of their columns but Id, VisitorId, DateRegist, DateUpdate and those of enquete
* that attendance, like applications, can't be filtered by date; that someone absent has a row at all
* the keys of staticlist/visitor (StaticlistId, VisitorId), one member per call, the body of a DELETE, and that adding
  a member twice or removing an absent one is accepted, which can be changed by `refuse_repeats`
* 100 rows when `limit` is missing; rows of equal sort value keep the order of their registration
* conditions are joined by AND; an empty value compares with nothing; `like` finds a part, minding case
* an empty answer to every accepted write; DateUpdate moves even where a write changes nothing
* without `ignore_itemcheck=1` a write must carry Name1, Name2 and Email; unknown elements are refused in any case
* text is at most 255 characters, Memo 4,000; UnsubscribeStatus can be written and carries its date along
* a merge leaves DateUpdate of the rows it hands over as it was; a deletion leaves the rows and can't be read
* no limit of calls is known; the fault `quota` answers 429 with Retry-After

Faults in this emulator's own domain (`Chaos.plan(kind, ...)`; the server knows the generic ones):

* `expired` - the token of this call is dead from now on
* `quota` - 429 with Retry-After `seconds` (default 60)
* `small_pages` - fewer rows than asked for although more follow: `rows` (default half of the limit)
* `row_fail` - this write is refused with 400
* `late_commit` - what is written is stamped now, and seen by readers only `seconds` later (default 30) by the clock;
  matched with the resource alone, e.g. `path="^visitor/mail$"`, and also struck by rows added from Python
"""

from connector.sandbox.shanon.service import ShanonEmulator
from connector.sandbox.shanon.xml import Choice

__all__ = ["Choice", "ShanonEmulator"]
