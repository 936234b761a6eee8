"""A strict emulated Salesforce org on plain HTTP.

    org = SalesforceEmulator(clock=Clock(), chaos=Chaos())
    with Server(org.handle, chaos=org.chaos) as server: ...

It answers what Salesforce answers, and refuses what Salesforce refuses: unknown fields, wrong types, over-long text,
dangling references, converted leads, jobs in the wrong state. Where a behaviour is not certain, the code says so, and
`Settings` decides between the variants that matter.

Besides the faults of the server, these can be ordered with `chaos.plan(kind, ...)`:

* `expired` - the request is answered 401 INVALID_SESSION_ID, and its token is dead from then on
* `quota` - 403 REQUEST_LIMIT_EXCEEDED
* `row_lock` - rows answer UNABLE_TO_LOCK_ROW: those in `rows` (places from 0), or the first `count` (default 1)
* `row_fail` - rows answer `code` with `message` and `fields`; `rows` and `count` as above
* `late_commit` - what the request writes is stamped now, but seen only after `seconds` (default 60) of the org's clock;
  until then its rows and its unique values are locked for others
* `small_pages` - this page of a query has `size` rows at most (default 1)
* `locator` - this request for a further page is answered INVALID_QUERY_LOCATOR
* `job_fail` - the ingest job whose upload is being closed ends as Failed with `message`, after `processed` rows

Faults on the rows of an ingest job, and `late_commit` of what it writes, wait for the PATCH that closes its upload.
"""

from connector.sandbox.salesforce.emulator import SalesforceEmulator
from connector.sandbox.salesforce.errors import Refusal
from connector.sandbox.salesforce.records import Settings

__all__ = ["Refusal", "SalesforceEmulator", "Settings"]
