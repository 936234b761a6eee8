"""What calls to either generation have in common."""

from __future__ import annotations

import requests

from connector.errors import ConfigError, Mismatch, Refused, Unauthorized, Uncertain, text
from connector.evidence import masked
from connector.http import Http
from connector.spec import Secret
from connector.verbatim import verbatim

_SLOW_SECONDS = 10.0
_SLOW_ANSWERS = 3


class Unclear(Uncertain):
    """A write was answered, but not in words that tell what became of it: the record itself is to be asked."""


def unclear(where: str, answer: object) -> Unclear:
    """An answer to a write that is none; kept, masked. It may say why nothing was done, in words for the receipt."""
    error = Unclear(text("the answer does not tell what was done", "応答から結果が分かりません"), where=where)
    error.evidence = masked(answer)
    error.said = "" if isinstance(answer, str) else verbatim(answer)
    return error


def unanswered(error: Unclear) -> Refused:
    """What such an answer comes to where the record does not show what was written."""
    found = Refused(error.what, where=error.where, code="NO_ANSWER")
    found.said = error.said
    return found


def unreadable(error: Refused) -> Mismatch:
    """A question that was refused: it cannot be asked until that is mended, others can."""
    fix = text("run connector check", "connector check を実行してください")
    found = Mismatch(error.what, where=error.where, code=error.code, fix=fix)
    found.evidence = error.evidence
    return found


def revealed(secret: Secret, where: str) -> str:
    """What a secret holds.

    :raises Unauthorized: when it cannot be read
    """
    try:
        return secret.reveal()
    except ConfigError as error:
        raise Unauthorized(
            text("its credentials cannot be read", "認証情報を読み込めません"),
            where=where,
            fix=error.problems[0].what,
        ) from None


class Pace:
    """Three slow answers in a row: ask half as often from now on. Waiting for our own turn is not slowness."""

    def __init__(self) -> None:
        self._slow = 0

    def note(self, http: Http, response: requests.Response) -> None:
        """Look at how long an answer took."""
        self._slow = self._slow + 1 if response.elapsed.total_seconds() > _SLOW_SECONDS else 0
        rate = http.options.rate
        if self._slow == _SLOW_ANSWERS and rate is not None:
            self._slow = 0
            http.options = http.options.model_copy(update={"rate": rate / 2})
