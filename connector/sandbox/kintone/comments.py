"""What people, and programs, write below records."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from connector.sandbox.kintone import times
from connector.sandbox.kintone.access import Access
from connector.sandbox.kintone.domain import Domain
from connector.sandbox.kintone.errors import MISSING, NO_PERMISSION, NOT_IN_ENUM, Refusal, Say, no_record
from connector.sandbox.kintone.model import Comment, Mention
from connector.sandbox.kintone.values import unknown_code
from connector.sandbox.kintone.web import Answer, Call, Routes

MAX_MENTIONS, MAX_TEXT, PAGE = 10, 65_535, 10
_MENTIONED = ("USER", "ORGANIZATION", "GROUP")
_TOO_LONG: Say = (f"{MAX_TEXT + 1}文字より短くなければなりません。", f"Enter less than {MAX_TEXT + 1} characters.")
_TOO_MANY: Say = ("一度に10件までの宛先を指定できます。", "A maximum of 10 mentions can be specified at one time.")
_SWITCHED_OFF: Say = ("コメント機能が無効です。", "Comments are disabled in the app.")
_NO_COMMENT: Say = ("指定したコメントが見つかりません。", "The specified comment is not found.")


@dataclass(frozen=True, slots=True)
class Comments:
    """Answers all about comments."""

    domain: Domain
    access: Access

    def routes(self) -> Routes:
        """What is answered here."""
        return {
            ("POST", "record/comment"): self.add,
            ("DELETE", "record/comment"): self.remove,
            ("GET", "record/comments"): self.page,
        }

    def _thread(self, call: Call) -> list[Comment]:
        """The comments of the record, the oldest first."""
        number = call.params.number("record")
        app = self.access.app(call, "view")
        if not app.comments_enabled:
            raise Refusal(403, "CB_NO02", _SWITCHED_OFF)
        if number not in self.domain.store.table(app.id):
            raise no_record(number or 0)
        return self.domain.thread(app.id, number)

    def add(self, call: Call) -> Answer:
        """Write a comment; the names of those who are mentioned go before its text."""
        given = call.params.get("comment")
        mentions: list[Mention] = []
        text = ""
        if given is None:
            call.params.complain("comment", MISSING)
        else:
            inner = call.params.inner(given, "comment.")
            text = inner.text("text")
            if not text:
                inner.complain("text", MISSING)
            if len(text) > MAX_TEXT:
                inner.complain("text", _TOO_LONG)
            wanted = inner.many("mentions")
            if len(wanted) > MAX_MENTIONS:
                inner.complain("mentions", _TOO_MANY)
            for place, each in enumerate(wanted):
                mention = inner.inner(each, f"mentions[{place}].")
                code, kind = mention.text("code", required=True), mention.text("type", required=True)
                if kind and kind not in _MENTIONED:
                    mention.complain("type", NOT_IN_ENUM)
                mentions.append(Mention(code, kind))
        thread = self._thread(call)
        names = [self._name(each) for each in mentions]
        number = thread[-1].id + 1 if thread else 1
        shown = f"{' '.join(names)} \n{text} " if names else f"{text} "
        now = times.to_the_second(self.domain.clock())
        thread.append(Comment(number, shown, now, call.who.code, tuple(mentions)))
        return Answer({"id": str(number)})

    def _name(self, mention: Mention) -> str:
        found = self.domain.groups().of(mention.type).get(mention.code)
        if found is None:
            raise unknown_code(mention.type, mention.code)
        return found

    def remove(self, call: Call) -> Answer:
        """Take a comment back, which only who wrote it can."""
        number = call.params.number("comment")
        thread = self._thread(call)
        found = next((each for each in thread if each.id == number), None)
        if found is None:
            raise Refusal(400, "GAIA_RE02", _NO_COMMENT)
        if found.creator != call.who.code:
            raise Refusal(403, "CB_NO02", NO_PERMISSION)
        thread.remove(found)
        return Answer({})

    def page(self, call: Call) -> Answer:
        """Comments, the newest first unless asked otherwise, and whether there are older and newer ones."""
        order = call.params.one_of("order", ("desc", "asc"))
        offset = call.params.number("offset", required=False, least=0) or 0
        limit = call.params.within("limit", PAGE, 0, PAGE)
        thread = self._thread(call)
        ordered = thread if order == "asc" else thread[::-1]
        page = ordered[offset : offset + limit]
        before, after = offset > 0 and bool(thread), offset + limit < len(thread)
        return Answer(
            {
                "comments": [self._shown(each) for each in page],
                "older": before if order == "asc" else after,
                "newer": after if order == "asc" else before,
            }
        )

    def _shown(self, comment: Comment) -> Mapping[str, Any]:
        names = self.domain.groups().users
        return {
            "id": str(comment.id),
            "text": comment.text,
            "createdAt": comment.created,
            "creator": {"code": comment.creator, "name": names.get(comment.creator, comment.creator)},
            "mentions": [{"code": each.code, "type": each.type} for each in comment.mentions],
        }
