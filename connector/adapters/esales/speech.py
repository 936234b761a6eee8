"""What both generations say in the same words."""

from __future__ import annotations

import difflib
import unicodedata
from collections.abc import Iterable

from connector.errors import AdapterError, Text, Unavailable, text
from connector.evidence import masked
from connector.ports import Finding, Receipt


class Unfit(Exception):
    """A change that cannot be sent as it is; the receipt says why. `place`: object and field, never a value.

    `said`: the system's own words, where it was asked.
    """

    def __init__(self, code: str, place: str, said: str = "") -> None:
        super().__init__(code)
        self.code, self.place, self.said = code, place, said


def senseless(where: str, what: Text, answer: object) -> Unavailable:
    """An answer that nobody can make sense of: nothing is guessed, and the masked answer is kept."""
    error = Unavailable(
        what,
        where=where,
        fix=text(
            "send the output of `connector probe {system} --last-answer` to whoever supports the adapter",
            "`connector probe {system} --last-answer` の出力をアダプターの提供元に送ってください",
            system=where,
        ),
    )
    error.evidence = masked(answer)
    return error


def same_name(one: str, other: str) -> bool:
    """Whether two names of a choice are one, but for width and blanks around."""
    return plain(one) == plain(other)


def plain(name: str) -> str:
    """A name for comparing."""
    return unicodedata.normalize("NFKC", name).strip()


def did_you_mean(name: str, known: Iterable[str]) -> Text | None:
    """The nearest of the names that exist."""
    near = difflib.get_close_matches(name, list(known), 1, 0.6)
    return text("did you mean {near!r}?", "{near!r} の誤りではありませんか", near=near[0]) if near else None


_SAY = {
    "GONE": (
        "there is no such record", "レコードがありません",
        "it was deleted, or the connector's user may not see it", "削除されたか、連携ユーザーに参照権限がありません",
    ),
    "NO_FIELD": (
        "there is no such field, or two of that name", "項目が無いか、同じ名前の項目が複数あります",
        "run connector check", "connector check を実行してください",
    ),
    "NO_SHEET": (
        "there is no such sheet", "シートがありません",
        "run connector inspect for its name", "connector inspect で名前を確認してください",
    ),
    "READ_ONLY": (
        "only the system writes this field", "この項目はシステムだけが書き込めます",
        "map another field", "別の項目を指定してください",
    ),
    "WRONG_TYPE": (
        "the value does not fit the type of the field", "値が項目の型に合いません",
        "map the word to a field of another type", "型の合う項目を指定してください",
    ),
    "NOT_A_CHOICE": (
        "the value is not among the choices of the field", "値が選択肢にありません",
        "add the choice, or translate the value in the mapping (values:)",
        "選択肢を追加するか、マッピングの values: で読み替えてください",
    ),
    "TOO_LONG": (
        "the value is longer than the field", "値が項目の最大文字数を超えています",
        "use a longer field, or max_length in the mapping", "長い項目を使うか、max_length を指定してください",
    ),
    "KEY_NOT_TEXT": (
        "our key needs a text field of its own", "キーには専用の文字列項目が必要です",
        "name another field as key", "key に別の項目を指定してください",
    ),
    "KEY_TWICE": (
        "two records bear our key", "同じキーのレコードが2件あります",
        "empty the key of the one that is wrong", "誤っている方のキーを空にしてください",
    ),
    "NO_COMPANY": (
        "the company is not there exactly once", "該当する顧客が1件に決まりません",
        "enter the company, or the person, by hand", "顧客または名刺を手動で登録してください",
    ),
    "NO_WAY": (
        "none of the ways in alert.via can carry this alert", "alert.via のどの方法でも通知できません",
        "add sheet_rows, which needs neither person nor deal", "名刺も案件も不要な sheet_rows を追加してください",
    ),
    "CANNOT_CLEAR": (
        "the probe found that a field cannot be emptied", "調査の結果、項目を空にできません",
        "set blank: keep", "blank: keep を指定してください",
    ),
    "NO_SEARCH": (
        "nothing is created where our key cannot be looked for", "キーで検索できないため登録しません",
        "describe the search: find, by_key", "find に by_key を指定してください",
    ),
    "NO_ID": (
        "nothing more is created: the id of the last record was not told",
        "前回の登録で ID が返らなかったため登録を停止しました",
        "look for that record in the system", "登録されたレコードを画面で確認してください",
    ),
    "NOT_TAKEN": (
        "what was written is not there", "書き込んだ値が反映されていません",
        "check the key of the field, and its right", "項目のキーと権限を確認してください",
    ),
    "MERGE_LOST": (
        "other fields changed while the record was sent whole", "全項目の書き戻し中に他の項目が変わりました",
        "compare the record with its history", "レコードの変更履歴を確認してください",
    ),
    "BUSY": (
        "the gateway calls itself busy, yet it answers: it cannot read what was sent",
        "「込み合っています」と応答しますが参照はできます。送信内容が受け付けられていません",
        "check the type of the field under fields", "fields の type を確認してください",
    ),
    "NO_ANSWER": (
        "the answer is none, and what was written is not there", "応答が不明で、書き込んだ値も確認できません",
        "look in the system, then `connector retry NO_ANSWER`",
        "画面で確認し、`connector retry NO_ANSWER` で再送してください",
    ),
    "OUTCOME_UNKNOWN": (
        "the outcome of the creation is not known, and cannot be looked up", "登録できたか不明で、確認もできません",
        "look in the system; if it is missing: `connector retry OUTCOME_UNKNOWN --doubtful`",
        "画面で確認し、未登録なら `connector retry OUTCOME_UNKNOWN --doubtful` で再送してください",
    ),
}  # fmt: skip


def refused(key: str, code: str, place: str, said: str = "") -> Receipt:
    """A receipt for what will not be taken; `said` are the system's own words."""
    what, what_ja, fix, fix_ja = _SAY.get(
        code,
        (
            "e-Sales Manager refuses it", "eセールスマネージャーに拒否されました",
            "try the same on the screen: a rule, a right or a lock stands against it",
            "画面で同じ操作を試してください。入力規則・権限・ロックが原因と考えられます",
        ),
    )  # fmt: skip
    return Receipt(
        key,
        "refused",
        code=code,
        what=text("{place}: " + what + " ({code})", "{place}: " + what_ja + " ({code})", place=place, code=code),
        fix=text(fix, fix_ja),
        said=said,
        doubtful=code == "OUTCOME_UNKNOWN",
    )


def not_probed(system: str, sheet: str = "") -> Unavailable:
    """Nothing is written before the probe."""
    return Unavailable(
        text(
            "updates are off: what a write does to the fields it does not name is not yet known",
            "更新は停止中です。指定しない項目が書き込みでどうなるか未確認です",
        ),
        where=f"{system}/{sheet}" if sheet else system,
        code="NOT_PROBED",
        fix=text(
            "name a test_record and run `connector probe {system}`; what is due stays due",
            "test_record を指定して `connector probe {system}` を実行してください。変更は保留されず待機します",
            system=system,
        ),
    )


def emptied(system: str, sheet: str, fields: Iterable[str]) -> Unavailable:
    """A write did what the probe had found that it does not do."""
    return Unavailable(
        text(
            "a write emptied fields that it does not name: {fields}",
            "書き込みで、指定していない項目が空になりました: {fields}",
            fields=", ".join(fields),
        ),
        where=f"{system}/{sheet}",
        code="EMPTIED",
        fix=text(
            "mend that record on the screen, and run `connector probe {system}` again",
            "画面でそのレコードを直し、`connector probe {system}` を再実行してください",
            system=system,
        ),
    )


def left_behind(system: str, sheet: str, error: AdapterError) -> Unavailable:
    """What the probe wrote may still stand in the test record."""
    found = Unavailable(
        text("the test record may not be as it was", "テスト用レコードが元に戻っていない可能性があります"),
        where=f"{system}/{sheet}",
        code=error.code,
        fix=text("mend it on the screen, then probe again", "画面で直してから、再度調査してください"),
    )
    found.evidence = error.evidence
    return found


def not_put_back(sheet: str, fields: Iterable[str]) -> Finding:
    """What of the test record is not as it was before the probe."""
    return Finding(
        "warning",
        text("could not be put back: {names}", "元に戻せませんでした: {names}", names=", ".join(fields)),
        sheet,
        fix=text("mend the test record on the screen", "画面でテスト用レコードを直してください"),
    )


def proves_nothing(sheet: str, such: Text) -> Finding:
    """The test record holds nothing that a write could be seen to empty; `such` would do."""
    return Finding(
        "error",
        text(
            "the test record has no other text that a write could empty",
            "テスト用レコードに、書き込みで消えうる他の文字列がありません",
        ),
        sheet,
        fix=such,
    )  # fmt: skip
