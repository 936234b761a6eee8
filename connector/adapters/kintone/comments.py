"""Alerts as comments on the deal or the person, calling the owner.

A comment has no key of its own, cannot be changed, and does not travel with others. So it is noted first, under the
revision of the record, in a text field of ours (`alert.claim`), by a mark that also ends the comment. What is noted
already was about to be written once: the latest comments tell whether it was.
"""

from __future__ import annotations

from hashlib import sha256

from connector.adapters.kintone.client import Client
from connector.adapters.kintone.options import Config
from connector.adapters.kintone.refusals import refused
from connector.adapters.kintone.values import said
from connector.changes import RaiseAlert
from connector.model import Ref
from connector.ports import Receipt

_MARKS = 7
"""Marks that fit into a text of 64 characters."""
_PAGES = 5
"""Pages of ten comments that are searched for a mark."""
_LONGEST = 60_000
"""Characters of a comment; kintone takes 65,535, with the names of those it calls."""


def mark_of(key: str) -> str:
    """A short mark for a key."""
    return sha256(key.encode()).hexdigest()[:8]


class Commenter:
    """Comments on records of one kintone."""

    def __init__(self, client: Client, config: Config) -> None:
        self._client = client
        self._options = config.alert
        self._apps = config.apps

    def about(self, change: RaiseAlert) -> Ref | None:
        """The record that an alert can be commented on: the deal, or else the person."""
        for ref in (change.deal, change.person):
            if ref is not None and ref.system == self._client.name and ref.object in self._apps:
                claim = self._options.claim if self._options is not None else None
                if claim is not None and claim in self._client.form(ref.object).fields:
                    return ref
        return None

    def comment(self, change: RaiseAlert, about: Ref, number: int) -> Receipt:
        """Write the comment, unless it is there.

        :raises Conflict: somebody else wrote into the record meanwhile; nothing was commented
        """
        assert self._options is not None  # noqa: S101  `about` has looked
        word, claim, mark = about.object, str(self._options.claim), mark_of(change.key)
        record = self._client.record(word, number)
        if claim not in record:  # its rights may differ from one record to the next
            return refused(change.key, "NOT_SEEN", word, [claim])
        marks = (said(record[claim]["value"]) or "").split()
        if mark in marks:
            found = self._found(word, number, mark)
            if found is not None:
                return _done(change, about, found)
            if self._options.uncertain == "hold":
                return refused(change.key, "HELD", word)
        else:
            noted = {claim: {"value": " ".join([mark, *marks][:_MARKS])}}
            self._client.update_one(word, number, int(record["$revision"]["value"]), noted)
        parts = [part for part in (change.title, change.body) if part]
        text = "\n".join(parts)[:_LONGEST]
        mentions = [change.owner_id] if change.owner_id else []
        return _done(change, about, self._client.comment(word, number, f"{text}\n[#{mark}]", mentions))

    def _found(self, word: str, number: int, mark: str) -> str | None:
        for page in range(_PAGES):
            comments = self._client.comments(word, number, page * 10)
            for id_, text in comments:
                if f"[#{mark}]" in text:
                    return id_
            if len(comments) < 10:
                break
        return None


def _done(change: RaiseAlert, about: Ref, comment: str) -> Receipt:
    return Receipt(change.key, "done", f"{about.id}#{comment}")
