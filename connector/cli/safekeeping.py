"""What `backup`, `restore`, `forget` and `retire` say."""

from __future__ import annotations

from collections.abc import Iterator
from zoneinfo import ZoneInfo

from connector.cli.say import Console
from connector.cli.views import called
from connector.engine.forget import Forgotten
from connector.engine.retire import Retired
from connector.engine.safekeeping import Backup, Restored
from connector.engine.unnamed import listed
from connector.errors import text


def show_backup(console: Console, made: Backup) -> None:
    """Where the copy is."""
    if console.json:
        console.data({"file": str(made.file), "bytes": made.size})
        return
    size = f"{made.size / 2**20:.1f}"
    console.out(console.say("{file}: {mb} MB, checked", "{file}: {mb} MB（検査済み）", file=made.file, mb=size))


def show_restored(console: Console, done: Restored, timezone: ZoneInfo) -> None:
    """What the store knows now, and what comes next."""
    if console.json:
        console.data(
            {
                "last_run": done.last_run,
                "replaced": str(done.kept) if done.kept else None,
                "erased_again": done.erased,
                "tombstones_known": done.whole,
            }
        )
        return
    say = console.say
    last = f"{done.last_run.astimezone(timezone):%Y-%m-%d %H:%M %Z}" if done.last_run else say("never", "なし")
    console.out(say("restored; the last run it knows of: {at}", "復元しました。記録にある最後の実行: {at}", at=last))
    if done.kept:
        console.out(say("the file it replaced: {file}", "置き換えたファイル: {file}", file=done.kept))
    if done.erased:
        console.out(
            say(
                "{n} {n:record|records} of people who had been erased were erased from it again",
                "消去済みの人のレコード{n}件を再び消去しました",
                n=done.erased,
            )
        )
    if not done.whole:
        console.out(
            say(
                "who was erased since the copy was made is not known here: say `connector forget` of them again",
                "このコピー以降に消去した人を確認できません。該当者について `connector forget` を再実行してください",
            )
        )
    console.out(
        say(
            "the next run reads every system before it sends anything; alerts that it cannot tell to be new it does not"
            " send. Look at `connector plan` first",
            "次の実行は全連携先を読み終えてから送信し、既に通知したか判別できないアラートは送りません。"
            "先に `connector plan` を確認してください",
        )
    )


def show_forgotten(console: Console, found: Forgotten) -> None:
    """What is, or would be, erased, and what cannot be."""
    if console.json:
        console.data(
            {
                "erased": found.erased,
                "records": [str(person.ref) for person in found.records],
                "rows": dict(found.rows),
                "copies": [str(copy) for copy in found.copies],
                "still_named": dict(found.still_named),
            }
        )
        return
    for line in _lines(console, found):
        console.out(line)


def _lines(console: Console, found: Forgotten) -> Iterator[str]:
    say = console.say
    if not found.records:
        yield say("nobody is known by that", "該当する人物は記録にありません")
    for person in found.records:
        # After the deed its very output would be the last place that names them.
        name = "" if found.erased else called(person.fields)
        yield f"  {person.ref}  {name}".rstrip()
    rows = ", ".join(f"{name} {n}" for name, n in sorted(found.rows.items()))
    if rows:
        yield say("rows: {rows}", "行数: {rows}", rows=rows)
    for copy in found.copies:
        yield say("copy of the store, removed too: {file}", "store のコピー（同時に削除）: {file}", file=copy)
    if not found.erased:
        yield say(
            "nothing was erased; with --yes it is, for good, and no system brings them in again",
            "まだ消去していません。--yes を付けると消去し、以後どの連携先からも取り込みません（元に戻せません）",
        )
        return
    yield say("erased, and kept out from now on", "消去しました。以後は取り込みません")
    for place, n in sorted(found.still_named.items()):
        yield say(
            "the name or an address still stands in {place} ({n}): written by others, or of a namesake",
            "氏名または連絡先が {place} に{n}件残っています（他者の入力、または同姓同名）",
            place=place,
            n=n,
        )
    yield say(
        "left to you: backups made elsewhere, what the systems hold, and files that were written from here",
        "別途対応が必要: 他所のバックアップ、各連携先のデータ、出力済みのファイル",
    )
    if found.on_server:
        yield say(
            "on the server: `VACUUM FULL` overwrites what was deleted; its archived logs and dumps are yours, too",
            "サーバー側: 削除済み領域は `VACUUM FULL` で上書きされます。WAL アーカイブとダンプも確認してください",
        )


def show_retired(console: Console, found: Retired) -> None:
    """What of a system counts no more, or would."""
    if console.json:
        console.data(
            {
                "system": found.system,
                "done": found.done,
                "counts": dict(found.counts),
                "unsent": found.unsent,
                "doubtful": found.doubtful,
            }
        )
        return
    say = console.say
    console.out(f"  {found.system}: {listed(found.counts).in_(console.language)}")
    if found.unsent:
        console.out(say("  never to be sent: {n}", "  送信しない変更: {n}件", n=found.unsent))
    if found.doubtful:
        console.out(
            say(
                "  sent without an answer, left to you (`connector errors --system {system}`): {n}",
                "  応答不明のまま残る変更（`connector errors --system {system}` で確認）: {n}件",
                n=found.doubtful,
                system=found.system,
            )
        )
    console.out((_DONE if found.done else _WOULD).in_(console.language))


_WOULD = text(
    "nothing was changed; with --yes all this counts as deleted there, and nothing is sent there",
    "まだ何も変更していません。--yes を付けると、上記を削除済みとして扱います（連携先には何も送りません）",
)
_DONE = text(
    "retired: scores and protection change with the next run, so look at `connector plan` first. Named in config.yaml "
    "again, it is read from the beginning; of a system of files, drop those again that were taken in",
    "廃止しました。次の実行でスコアと保護が変わるため、先に `connector plan` を確認してください。"
    "config.yaml に戻した場合は最初から読み直します（ファイル連携では取り込み済みのファイルも置き直してください）",
)
