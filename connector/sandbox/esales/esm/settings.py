"""Everything about esm that no public page tells: one switch each."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import Literal


@dataclass(slots=True)
class EsmSettings:
    """How this esm behaves where the real one is unknown; may be changed while it runs.

    `schedule` and `app` are read once, when the emulator is made.

    Attributes:
        tenant: the 会社ID in every path.
        prefixes: the first segments that are served; lists and posts are known under `/esm-api` only.
        envelope: a record is answered flat, under `data`, or as the only one of `result.records`.
        put: an update leaves items that it doesn't name, or empties them (all but the required ones).
        created: where the answer to a registration has the id.
        expire_in: `expireIn` is a number or a string.
        refresh_life: how long a refresh token lives.
        schedule: the prefix of the item keys of the sheet schedule.
        app: the name of the 拡張アプリ that is there from the start.
        invalid: what can be read but isn't acceptable is refused with 400, or with 500 as if the system were busy.
        unknown_keys: unknown item keys are refused like other things that aren't acceptable, or silently left out.
        error_body: a refusal is JSON, plain text or a page of HTML.
        zone: X-ESM-TIMEZONE is the name of a zone or an offset.
        zone_honoured: whether times go by that header; if not, they are Japan's whatever it says.
        number_as: numbers are answered as JSON numbers or as strings.
        select_as: one choice is answered as its name or as a list with its name.
        empty: an item without value is answered as null, as an empty string, or is missing.
        length_unit: texts are counted in characters or in UTF-16 units.
        lists: a list answers the ids of its records or the records themselves.
        search: whether the Search API is there in the one form that the sandbox made up.
    """

    tenant: str = "sandbox"
    prefixes: tuple[str, ...] = ("/esm-api", "/sheet-fs")
    envelope: Literal["flat", "data", "records"] = "flat"
    put: Literal["partial", "full"] = "partial"
    created: Literal["id", "prefix_id", "data", "data_prefix", "location", "none"] = "id"
    expire_in: Literal["number", "string"] = "number"
    refresh_life: timedelta = timedelta(days=1)
    schedule: Literal["schedules.schedule", "calendar.schedule"] = "schedules.schedule"
    app: str = "sheet_134"
    invalid: Literal["400", "busy"] = "400"
    unknown_keys: Literal["refused", "ignored"] = "refused"
    error_body: Literal["json", "text", "html"] = "json"
    zone: Literal["name", "offset"] = "name"
    zone_honoured: bool = True
    number_as: Literal["number", "string"] = "number"
    select_as: Literal["name", "list"] = "name"
    empty: Literal["null", "blank", "missing"] = "null"
    length_unit: Literal["characters", "utf16"] = "characters"
    lists: Literal["ids", "records"] = "ids"
    search: bool = False
