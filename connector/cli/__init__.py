"""The command line: what an administrator types. Every command speaks to people, or with `--json` to programs."""

from __future__ import annotations

import os
import signal
import sys
from contextlib import closing
from datetime import datetime
from functools import partial
from io import TextIOWrapper
from pathlib import Path
from typing import Annotated, Any

import typer

from connector import __version__
from connector.cli.say import Console
from connector.errors import ConfigError, ConnectorError, Interrupted, Locked, WrongStore, text
from connector.templates import TEMPLATES

cli = typer.Typer(
    name="connector",
    help="Middleware between marketing automation and sales systems. MA と SFA をつなぐミドルウェア。",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"]},
)

ConfigPath = Annotated[
    Path,
    typer.Option("--config", "-c", envvar="CONNECTOR_CONFIG", help="config.yaml / 設定ファイル", show_default=True),
]
AsJson = Annotated[bool, typer.Option("--json", help="Data instead of text / JSON で出力")]
CONFIG = Path("config.yaml")


def main() -> None:
    """Entry point: runs the command and turns our errors into messages and exit codes."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper):
            stream.reconfigure(errors="replace")  # a terminal may not know every character of a name
    console = Console(json="--json" in sys.argv)
    try:
        cli()
    except (ConfigError, WrongStore) as error:
        console.failed(error)
        sys.exit(78)
    except Interrupted:
        sys.exit(143)
    except ConnectorError as error:
        console.failed(error)
        sys.exit(1)
    except KeyboardInterrupt:
        sys.exit(130)


def _show_version(value: bool) -> None:
    if value:
        typer.echo(f"connector {__version__}")
        raise typer.Exit


@cli.callback()
def _global(
    lang: Annotated[
        str | None,
        typer.Option("--lang", envvar="CONNECTOR_LANG", help="ja | en (default: by locale / 既定はロケール)"),
    ] = None,
    log: Annotated[
        str | None,
        typer.Option(
            "--log",
            envvar="CONNECTOR_LOG",
            help="debug | info | warning | error (default: warning; serve, worker: info / 常駐は既定 info)",
        ),
    ] = None,
    _version: Annotated[
        bool, typer.Option("--version", callback=_show_version, is_eager=True, help="Show the version / 版を表示")
    ] = False,
) -> None:
    """Options of every command."""
    if lang:
        _choice(lang[:2].lower(), "--lang", ("ja", "en"))
        os.environ["CONNECTOR_LANG"] = lang
    if log:
        _choice(log.lower(), "--log", ("debug", "info", "warning", "error"))
        os.environ["CONNECTOR_LOG"] = log


def _log(usual: str = "warning") -> None:
    """Begin to log; apart from the start of every command, because lint must start at once."""
    from connector.engine.log import set_up

    set_up(os.environ.get("CONNECTOR_LOG") or usual)


def _open(config: Path, only: str | None = None) -> Any:
    from connector.config import load
    from connector.engine.app import open_app

    _log()
    setup = load(config)
    if only is not None:
        _known_system(setup.systems, only)
    return open_app(setup, only=only)


def _stoppable(app: Any) -> None:
    """SIGTERM ends what the app is at with its next step."""
    signal.signal(signal.SIGTERM, lambda *_: setattr(app, "stopping", True))


@cli.command()
def lint(
    file: Annotated[Path | None, typer.Argument(metavar="CONFIG", help="As --config / --config と同じ")] = None,
    config: ConfigPath = CONFIG,
    json: AsJson = False,
) -> None:
    """Check the configuration without network or credentials. 設定を検査（通信なし）。"""
    from connector.cli.lint import show_lint
    from connector.config import load
    from connector.engine.exposed import exposed

    setup = load(file or config)
    show_lint(Console(json=json), setup, [*setup.warnings, *exposed(setup, file or config, here=False)])


@cli.command()
def adapters(json: AsJson = False) -> None:
    """List the types of systems, those of other packages too. 連携先の種類を一覧（追加パッケージを含む）。"""
    from connector.cli.adapters import show_adapters

    show_adapters(Console(json=json))


@cli.command()
def check(
    system: Annotated[str | None, typer.Argument(help="Only this system / この連携先のみ")] = None,
    config: ConfigPath = CONFIG,
    json: AsJson = False,
) -> None:
    """Sign in and compare the mappings with each system; writes nothing. 接続して項目と権限を確認。"""
    from connector.cli.views import show_check
    from connector.engine.check import check_all
    from connector.engine.exposed import exposed

    console = Console(json=json)
    with closing(_open(config)) as app:
        console.problems(exposed(app.setup, config, here=True))
        if system is not None:
            _known_system(app.adapters, system)
        results = check_all(app, system)
    show_check(console, results)
    raise typer.Exit(1 if any(result.failed for result in results) else 0)


def _known_system(systems: Any, name: str) -> None:
    from connector.spec import unknown_key

    if name not in systems:
        what = text("there is no system {name!r}", "連携先 {name!r} はありません", name=name)
        raise ConnectorError(what, fix=unknown_key(name, systems)[1])


@cli.command("test")
def golden(
    config: ConfigPath = CONFIG,
    json: AsJson = False,
    coverage: Annotated[
        bool, typer.Option("--coverage", help="Also the rules that did nothing in any test / 働かなかったルール")
    ] = False,
    person: Annotated[
        str | None,
        typer.Option(
            "--record", metavar="PERSON", help="Make a test from a person of the store / 人物からテストを作成"
        ),
    ] = None,
    out: Annotated[
        Path | None, typer.Option("--out", "-o", metavar="FILE.test.yaml", help="Where to write it / 出力先")
    ] = None,
) -> None:
    """Run the golden tests beside the mappings; no network. マッピングのテストを実行（通信なし）。"""
    from connector.cli.golden import keep_test, show_verdicts
    from connector.config import load
    from connector.engine.golden import rules_of, run_tests

    console = Console(json=json)
    if person is not None:
        from connector.engine.record import record

        with closing(_open(config)) as app:
            recorded = record(app, person)
        keep_test(console, recorded, out)
        return
    setup = load(config)
    verdicts, problems = run_tests(setup)
    console.problems([*setup.warnings, *problems])  # a file whose name does not end in .test.yaml is no test
    show_verdicts(console, verdicts, rules_of(setup), coverage=coverage)
    if problems:
        raise typer.Exit(78)
    raise typer.Exit(1 if any(verdict.differences for verdict in verdicts) else 0)


OneSystem = Annotated[str, typer.Argument(help="Name in config.yaml / config.yaml での名前")]


@cli.command()
def probe(
    system: OneSystem,
    config: ConfigPath = CONFIG,
    json: AsJson = False,
    last_answer: Annotated[
        bool,
        typer.Option(
            "--last-answer", help="Only show the last answer nobody understood, masked / 直近の解釈できない応答"
        ),
    ] = False,
) -> None:
    """Find out what no document tells of a system, and remember it. 連携先の仕様を実機で確認し記録。"""
    from connector.cli.systems import show_evidence, show_probed
    from connector.engine.probing import probe as probe_system
    from connector.store import runs

    console = Console(json=json)
    with closing(_open(config, only=system)) as app:
        if last_answer:
            with app.reading() as conn:
                show_evidence(console, system, runs.evidence(conn, system))
            return
        found = probe_system(app, system)
    show_probed(console, system, found)
    raise typer.Exit(1 if any(finding.severity == "error" for finding in found.findings) else 0)


@cli.command()
def inspect(system: OneSystem, config: ConfigPath = CONFIG, json: AsJson = False) -> None:
    """List a system's objects, fields and choices as YAML to paste. 項目一覧を YAML で表示。"""
    from connector.cli.systems import show_objects
    from connector.contain import contained
    from connector.engine.spending import spending

    console = Console(json=json)
    with closing(_open(config, only=system)) as app, spending(app), contained(system):
        objects = app.adapters[system].inspect()
    show_objects(console, objects)


@cli.command()
def plan(
    config: ConfigPath = CONFIG,
    json: AsJson = False,
    pull: Annotated[bool, typer.Option(help="Read the systems first / 先に読み込む")] = True,
    as_of: Annotated[
        datetime | None, typer.Option(help="As of this time; a past one: as known then / この時刻として計算")
    ] = None,
    detailed_exitcode: Annotated[
        bool, typer.Option("--detailed-exitcode", help="Exit 2 when changes are pending / 変更があれば終了コード 2")
    ] = False,
    select: Annotated[
        list[str] | None,
        typer.Option(metavar="rule=ID|system=NAME|person=ID", help="Only these; repeat for more / 絞り込み（複数可）"),
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option("--out", "-o", metavar="PLAN.json", help="Write it for `apply`; holds personal data / 計画を保存"),
    ] = None,
    limit: Annotated[int, typer.Option(help="Most records shown; 0: all / 表示件数、0 で全件")] = 50,
) -> None:
    """Show every change, field by field, before anything is written. 書き込む前に変更内容を表示。"""
    from connector.cli.views import show_plan
    from connector.engine.plan_file import write_plan
    from connector.engine.preview import plan_preview
    from connector.engine.report import Exit

    console = Console(json=json)
    if out is not None and as_of is not None:
        raise typer.BadParameter("a plan of another time cannot be applied", param_hint="--out")
    with closing(_open(config)) as app:
        with console.working(text("reading and planning", "読み込みと計画")) as watch:
            shown = plan_preview(app, pull=pull, as_of=_aware(as_of, app), select=select or (), watch=watch)
        if out is not None:
            write_plan(app, out, shown.as_of, [*shown.fresh, *shown.held])
    show_plan(console, shown, limit)
    if out is not None and not json:
        console.out(
            console.say(
                "written: {file} (holds personal data; only you may read it); `connector apply {file}` sends it",
                "作成: {file}（個人情報を含みます。所有者のみ読み取り可）。`connector apply {file}` で反映します",
                file=out,
            )
        )
    if shown.exit:
        raise typer.Exit(int(shown.exit))
    raise typer.Exit(int(Exit.PENDING if detailed_exitcode and (shown.fresh or shown.held) else Exit.DONE))


@cli.command()
def apply(
    file: Annotated[Path, typer.Argument(metavar="PLAN.json", help="From `plan --out` / `plan --out` の出力")],
    config: ConfigPath = CONFIG,
    json: AsJson = False,
    force: Annotated[
        str | None,
        typer.Option("--force", metavar="REASON", help="Overrule the brake; kept in the store / 理由を付けて続行"),
    ] = None,
    limit: Annotated[int, typer.Option(help="Most records shown; 0: all / 表示件数、0 で全件")] = 50,
) -> None:
    """Send exactly a plan that was written down; what has drifted since is skipped. 保存した計画だけを反映。"""
    from connector.cli.applying import show_applied
    from connector.engine.applying import apply_plan
    from connector.engine.publish import published

    console = Console(json=json)
    with closing(_open(config)) as app:
        _stoppable(app)
        with published(app, console.error) as ended:
            with console.working(text("applying", "計画を反映中")) as watch:
                applied = apply_plan(app, file, force=force, watch=watch)
            ended(applied.report.run)
    show_applied(console, applied, limit)
    raise typer.Exit(int(applied.exit))


@cli.command()
def diff(
    a: Annotated[Path, typer.Argument(metavar="A", help="The configuration in use: file or folder / 使用中の設定")],
    b: Annotated[Path, typer.Argument(metavar="B", help="Another one / 比較する設定")],
    json: AsJson = False,
    detailed_exitcode: Annotated[
        bool, typer.Option("--detailed-exitcode", help="Exit 2 when they differ / 差異があれば終了コード 2")
    ] = False,
    limit: Annotated[int, typer.Option(help="Most records shown; 0: all / 表示件数、0 で全件")] = 50,
) -> None:
    """What would be written otherwise if B were the configuration; on the store of A. 設定変更の影響を表示。"""
    from connector.cli.comparing import config_at, show_compared
    from connector.config import load
    from connector.engine.comparing import compare
    from connector.engine.report import Exit

    console = Console(json=json)
    other = load(config_at(b))
    with closing(_open(config_at(a))) as app:
        found = compare(app, other)
    show_compared(console, found, limit)
    raise typer.Exit(int(Exit.PENDING if detailed_exitcode and found.differences else Exit.DONE))


def _aware(at: datetime | None, app: Any) -> datetime | None:
    return at.replace(tzinfo=app.setup.config.timezone) if at is not None and at.tzinfo is None else at


IfLocked = Annotated[
    str, typer.Option("--if-locked", help="fail | skip | wait: while another run is at work / 実行中の場合")
]


@cli.command()
def run(
    config: ConfigPath = CONFIG,
    json: AsJson = False,
    force: Annotated[
        str | None,
        typer.Option("--force", metavar="REASON", help="Overrule the brake; kept in the store / 理由を付けて続行"),
    ] = None,
    if_locked: IfLocked = "fail",
) -> None:
    """One pass: pull, plan, deliver. 取り込み・計画・反映を1回実行。"""
    from connector.cli.views import show_report
    from connector.engine.publish import published
    from connector.engine.run import run as run_once
    from connector.engine.spread import stages_of

    console = Console(json=json)
    _choice(if_locked, "--if-locked", ("fail", "skip", "wait"))
    with closing(_open(config)) as app:
        _stoppable(app)
        try:
            with published(app, console.error) as ended, stages_of(app) as stages:
                with console.working(text("running", "実行中")) as watch:
                    report = _when_free(app, if_locked, lambda: run_once(app, force=force, watch=watch, stages=stages))
                ended(report.run)
        except Locked:
            if if_locked != "skip":
                raise
            if json:
                console.data({"skipped": True})
            raise typer.Exit(0) from None
    show_report(console, report)
    raise typer.Exit(int(report.exit))


def _choice(value: str, option: str, choices: tuple[str, ...]) -> None:
    if value not in choices:
        raise typer.BadParameter(" | ".join(choices), param_hint=option)


def _when_free(app: Any, if_locked: str, work: Any) -> Any:
    import time

    while True:
        try:
            return work()
        except Locked:
            if if_locked != "wait":
                raise
            time.sleep(2)
            app.go_on()  # whoever waits may be asked to end, too


@cli.command()
def serve(
    config: ConfigPath = CONFIG,
    bind: Annotated[
        str, typer.Option(envvar="CONNECTOR_BIND", help="Address of the health endpoints")
    ] = "127.0.0.1:8080",
) -> None:
    """Run on schedule until SIGTERM, with health endpoints. 定期実行（SIGTERM まで）。"""
    from connector.config import load
    from connector.web.serve import serve as serve_forever

    _log("info")
    raise typer.Exit(serve_forever(load(config), config, bind))


@cli.command()
def worker(config: ConfigPath = CONFIG) -> None:
    """Do the work of runs, beside other workers, until SIGTERM. 実行の処理を分担（SIGTERM まで）。"""
    from connector.engine.worker import work

    _log("info")
    work(config)


@cli.command()
def status(config: ConfigPath = CONFIG, json: AsJson = False) -> None:
    """Freshness, backlog, last runs. 最新度・未送信・実行履歴。"""
    from connector.cli.views import show_status
    from connector.engine.status import status as read_status

    console = Console(json=json)
    with closing(_open(config)) as app:
        found = read_status(app)
    show_status(console, found)


Only = Annotated[str | None, typer.Option("--system", help="Only this system / この連携先のみ")]
OnePerson = Annotated[
    str | None, typer.Option("--person", metavar="PERSON", help="As for `why` / 人物ID・レコードID・メール")
]


@cli.command()
def errors(
    config: ConfigPath = CONFIG,
    system: Only = None,
    json: AsJson = False,
    limit: Annotated[int, typer.Option(help="Most causes shown; 0: all / 表示件数、0 で全件")] = 50,
) -> None:
    """What a person must mend, by cause, with the next step. 保留中の変更を原因別に表示。"""
    from connector.cli.parked import show_errors
    from connector.engine.retry import errors as read_errors

    console = Console(json=json)
    with closing(_open(config)) as app:
        found = read_errors(app, system)
    show_errors(console, found, app.setup.config.timezone, limit)


@cli.command()
def retry(
    cause: Annotated[
        str | None, typer.Argument(help="As `errors` names it; -: without a name / errors に出る原因")
    ] = None,
    config: ConfigPath = CONFIG,
    person: OnePerson = None,
    every: Annotated[bool, typer.Option("--all", help="All that is parked / 保留中のすべて")] = False,
    system: Only = None,
    doubtful: Annotated[
        bool, typer.Option("--doubtful", help="Also what may be there already / 反映済みの可能性があるものも再送")
    ] = False,
    dismiss: Annotated[
        bool,
        typer.Option("--dismiss", help="Count alerts and entries as done, never send / 通知・接点を送らず対応済みに"),
    ] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only show / 表示のみ")] = False,
    yes: Annotated[bool, typer.Option("--yes", help="Do it without asking / 確認せずに実行")] = False,
    json: AsJson = False,
) -> None:
    """Put parked changes back: the next run sends them; asks first. 保留中の変更を再送（確認あり）。"""
    from connector.cli.parked import agreed, code_of, exit_of, nothing_of, show_retried
    from connector.engine.retry import errors
    from connector.engine.retry import retry as put_back

    console = Console(json=json)
    if every == (cause is not None or person is not None):
        raise typer.BadParameter("CAUSE | --person PERSON | --all")
    if dry_run and yes:
        raise typer.BadParameter("--dry-run | --yes")
    if dismiss and doubtful:
        raise typer.BadParameter("--dismiss | --doubtful")
    with closing(_open(config)) as app:
        meant = partial(put_back, app, code=code_of(cause), person=person, system=system)
        done = partial(meant, doubtful=doubtful, dismiss=dismiss)
        shown = done(put=yes)
        show_retried(console, shown, dismiss=dismiss)
        if cause is not None and not shown.back and not shown.left:
            console.aside(nothing_of(errors(app, system), cause))
        if shown.back and not (yes or dry_run or json) and sys.stdin.isatty() and agreed(console, dismiss=dismiss):
            shown = done(put=True)
            show_retried(console, shown, dismiss=dismiss)
    raise typer.Exit(exit_of(shown))


@cli.command()
def backfill(
    config: ConfigPath = CONFIG,
    field: Annotated[
        str | None, typer.Option("--field", metavar="FIELD", help="Our word or the system's / 項目名")
    ] = None,
    since: Annotated[
        str | None, typer.Option("--since", metavar="DURATION", help="Timeline entries back so far, as 1y / 期間")
    ] = None,
    person: OnePerson = None,
    system: Only = None,
    pull: Annotated[bool, typer.Option(help="Read the systems first / 先に読み込む")] = True,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only show / 表示のみ")] = False,
    yes: Annotated[bool, typer.Option("--yes", help="Do it without asking / 確認せずに実行")] = False,
    json: AsJson = False,
) -> None:
    """What new fields cost for all who are there; older timeline entries. 新項目の費用、過去の接点の追加。"""
    from connector.cli.backfill import agreed, exit_of, show_entries, show_fields
    from connector.engine.backfill import entries_since, fields_to_fill
    from connector.engine.retry import look_up
    from connector.engine.why import identities_of

    console = Console(json=json)
    window = _duration(since, "--since")
    if (field is not None and window is not None) or (window is None and yes) or (dry_run and yes):
        raise typer.BadParameter("--field FIELD | --since DURATION [--dry-run | --yes]")
    with closing(_open(config)) as app:
        look_up(app, system)
        who = identities_of(app, person) if person is not None else None
        if window is None:
            with console.working(text("reading and planning", "読み込みと計画")) as watch:
                shown = fields_to_fill(app, field=field, who=who, system=system, pull=pull, watch=watch)
            show_fields(console, shown)
            raise typer.Exit(exit_of(shown, asked=False))
        shown = entries_since(app, window, who=who, system=system, put=yes)
        show_entries(console, shown, app.setup.config.timezone)
        if shown.costs and not (yes or dry_run or json) and sys.stdin.isatty() and agreed(console):
            shown = entries_since(app, window, who=who, system=system, put=True)
            show_entries(console, shown, app.setup.config.timezone)
    raise typer.Exit(exit_of(shown, asked=True))


def _duration(value: str | None, option: str) -> Any:
    from connector.spec import SpecError, duration

    try:
        return None if value is None else duration(value)
    except SpecError as error:
        raise typer.BadParameter(str(error.what), param_hint=option) from None


@cli.command()
def report(
    run: Annotated[str, typer.Argument(help="Id of a run, or `last` / 実行ID")] = "last",
    config: ConfigPath = CONFIG,
    html: Annotated[
        Path | None, typer.Option("--html", metavar="FILE", help="Write it as a page / HTML として出力")
    ] = None,
    json: AsJson = False,
) -> None:
    """What one run did, in numbers and by rule; names nobody. 1回の実行の報告（個人情報なし）。"""
    from connector.cli.account import show_account
    from connector.engine.publish import find

    console = Console(json=json)
    with closing(_open(config)) as app:
        row = find(app, run)
    show_account(console, row, app.setup.config.timezone, html)


@cli.command()
def why(
    person: Annotated[str, typer.Argument(help="Person id, record id or e-mail / 人物ID・レコードID・メール")],
    config: ConfigPath = CONFIG,
    json: AsJson = False,
) -> None:
    """Explain one person: records, score lines, rules, what was written. 1人について根拠を説明。"""
    from connector.cli.views import why_data, why_lines
    from connector.engine.why import why as explain

    console = Console(json=json)
    with closing(_open(config)) as app:
        found = explain(app, person)
    if console.json:
        console.data(why_data(found))
        return
    for line in why_lines(console, found, app.setup.config.timezone):
        console.out(line)


@cli.command()
def audit(
    config: ConfigPath = CONFIG,
    json: AsJson = False,
    head: Annotated[
        list[str] | None, typer.Option(help="NO:CHAIN, as kept in a report or the log / 外部に残した末尾の値")
    ] = None,
    run: Annotated[str | None, typer.Option(help="Show the rows of this run / この実行の行を表示")] = None,
) -> None:
    """Look whether the audit trail is whole: what was written, and who decided what. 監査証跡の検証。"""
    from connector.cli.trail import exit_of, show_audit
    from connector.engine.trail import audit as look

    console = Console(json=json)
    with closing(_open(config)) as app:
        found = look(app, head or [], run)
        show_audit(console, found, app.setup.config.timezone)
    raise typer.Exit(exit_of(found))


@cli.command()
def backup(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="A new file / 新しいファイル")],
    config: ConfigPath = CONFIG,
    json: AsJson = False,
) -> None:
    """Copy the store, also while a run is at work; the copy is checked. store をコピー（実行中でも可）。"""
    from connector.cli.safekeeping import show_backup
    from connector.config import load
    from connector.engine.safekeeping import backup as copy_store

    console = Console(json=json)
    _log()
    show_backup(console, copy_store(load(config), file))


@cli.command()
def restore(
    file: Annotated[
        Path | None,
        typer.Argument(metavar="[FILE]", help="A backup; none: the store as it stands / 省略時は現状のまま"),
    ] = None,
    config: ConfigPath = CONFIG,
    json: AsJson = False,
) -> None:
    """Put a backup of the store back; the next run looks before it sends. store をバックアップから復元。"""
    from connector.cli.safekeeping import show_restored
    from connector.config import load
    from connector.engine.safekeeping import restore as restore_store

    console = Console(json=json)
    _log()
    setup = load(config)
    show_restored(console, restore_store(setup, file), setup.config.timezone)


@cli.command()
def forget(
    person: Annotated[str, typer.Argument(help="Person id, record id or e-mail / 人物ID・レコードID・メール")],
    yes: Annotated[bool, typer.Option("--yes", help="Erase; without it, only show / 実際に消去する")] = False,
    config: ConfigPath = CONFIG,
    json: AsJson = False,
) -> None:
    """Erase one person from store and copies, and keep them out. 1人の記録を消去し、再取り込みを防止。"""
    from connector.cli.safekeeping import show_forgotten
    from connector.engine.forget import forget as erase

    console = Console(json=json)
    with closing(_open(config)) as app:
        found = erase(app, person, really=yes)
    show_forgotten(console, found)


@cli.command()
def retire(
    system: Annotated[
        str, typer.Argument(help="Its name in config.yaml, before it was taken out / 外した連携先の名前")
    ],
    yes: Annotated[bool, typer.Option("--yes", help="Do it; without it, only show / 実際に廃止する")] = False,
    config: ConfigPath = CONFIG,
    json: AsJson = False,
) -> None:
    """Have a system taken out of config.yaml count for nothing more. 設定から外した連携先の記録を無効化。"""
    from connector.cli.safekeeping import show_retired
    from connector.engine.retire import retire as leave

    console = Console(json=json)
    with closing(_open(config)) as app:
        _stoppable(app)
        found = leave(app, system, really=yes)
    show_retired(console, found)


@cli.command()
def reconcile(
    system: Annotated[str | None, typer.Argument(help="Only this system / この連携先のみ")] = None,
    config: ConfigPath = CONFIG,
    json: AsJson = False,
    pull: Annotated[bool, typer.Option(help="Read what is new first / 先に新着を読み込む")] = True,
    detailed_exitcode: Annotated[
        bool, typer.Option("--detailed-exitcode", help="Exit 2 when anything differs / 差異があれば終了コード 2")
    ] = False,
    limit: Annotated[int, typer.Option(help="Most records shown; 0: all / 表示件数、0 で全件")] = 50,
) -> None:
    """Compare our record with the live systems, = ~ + - !; writes nothing there. 記録と連携先を照合。"""
    from connector.cli.reconcile import show_reconciled
    from connector.engine.reconcile import reconcile as compare
    from connector.engine.report import Exit

    console = Console(json=json)
    with closing(_open(config, only=system)) as app:
        _stoppable(app)
        with console.working(text("reading everything", "全件を読み込み")) as watch:
            found = compare(app, first=pull, watch=watch)
    show_reconciled(console, found, limit)
    if found.report.exit:
        raise typer.Exit(int(found.report.exit))
    raise typer.Exit(int(Exit.PENDING if detailed_exitcode and found.differs else Exit.DONE))


@cli.command()
def undo(
    run: Annotated[
        str,
        typer.Argument(
            help="Id of the run, as `status` shows it; or `last`: the one that sent anything last"
            " / 実行ID（status で確認）。last は最後に送信した実行"
        ),
    ],
    config: ConfigPath = CONFIG,
    json: AsJson = False,
    yes: Annotated[bool, typer.Option("--yes", help="Do it without asking / 確認せずに実行")] = False,
    limit: Annotated[int, typer.Option(help="Most records shown; 0: all / 表示件数、0 で全件")] = 50,
) -> None:
    """Take a run back where nobody touched it since; asks first. 実行を取り消す（確認あり）。"""
    from connector.cli.undo import agreed, exit_of, show_undone
    from connector.engine.undo import undo_run

    console = Console(json=json)
    with closing(_open(config)) as app:
        _stoppable(app)
        with console.working(text("reading", "読み込み")) as watch:
            shown = undo_run(app, run, send=yes, watch=watch)
        show_undone(console, shown, limit)
        if not yes and shown.found.changes and not json and sys.stdin.isatty() and agreed(console):
            with console.working(text("undoing", "取り消し")) as watch:
                shown = undo_run(app, shown.run, send=True, watch=watch)
            show_undone(console, shown, limit)
    raise typer.Exit(exit_of(shown))


@cli.command()
def identify(
    file: Annotated[Path, typer.Argument(help="CSV with headers, UTF-8 or CP932 / 見出し付き CSV")],
    out: Annotated[
        Path, typer.Option("--out", "-o", metavar="IDENTITIES.csv", help="Ids of people and companies / ID の出力先")
    ],
    review: Annotated[
        Path | None, typer.Option("--review", metavar="PAIRS.csv", help="Pairs to look at / 要確認の組の出力先")
    ] = None,
    rules: Annotated[
        Path | None, typer.Option("--rules", metavar="identity.yaml", help="As in mappings/ / 名寄せの設定")
    ] = None,
    columns: Annotated[
        list[str] | None,
        typer.Option("--map", metavar="HEADER=COLUMN", help="What a header means; repeat for more / 見出しの意味"),
    ] = None,
    out_encoding: Annotated[
        str, typer.Option("--out-encoding", help="utf-8 | utf-8-sig | cp932: of what is written / 出力の文字コード")
    ] = "utf-8",
    json: AsJson = False,
) -> None:
    """Find out who is who in one list; no configuration, nothing is remembered. 名簿1つを名寄せ（設定不要）。"""
    from connector.cli.identity import show_identified
    from connector.engine.identify_file import identify_file, rules_at

    console = Console(json=json)
    _choice(out_encoding, "--out-encoding", ("utf-8", "utf-8-sig", "cp932"))
    _log()
    with console.working(text("finding out who is who", "名寄せ")) as watch:
        report = identify_file(
            file, out, review=review, rules=rules_at(rules) if rules else None, mapping=columns or (),
            encoding=out_encoding, language=console.language, watch=lambda step: watch(step.in_(console.language)),
        )  # fmt: skip
    show_identified(console, report, out, review)


@cli.command()
def review(
    config: ConfigPath = CONFIG,
    limit: Annotated[int, typer.Option(help="Most pairs shown or asked; 0: all / 件数、0 で全件")] = 20,
    csv: Annotated[
        Path | None, typer.Option("--csv", metavar="PAIRS.csv", help="Write the pairs, to be filled in / CSV に出力")
    ] = None,
    answers: Annotated[
        Path | None, typer.Option("--from", metavar="PAIRS.csv", help="Take the answers of such a file / CSV から読込")
    ] = None,
    same: Annotated[
        tuple[str, str] | None, typer.Option(metavar="RECORD RECORD", help="Are one person / 同一人物とする")
    ] = None,
    different: Annotated[
        tuple[str, str] | None, typer.Option(metavar="RECORD RECORD", help="Are two people / 別人とする")
    ] = None,
    split: Annotated[
        list[str] | None,
        typer.Option(metavar="RECORD", help="Is not the rest of its person; repeat for more / 同一人物から切り離す"),
    ] = None,
    suggest: Annotated[
        bool, typer.Option("--suggest", help="First look for more pairs by probability / 確率モデルで候補を追加")
    ] = False,
    reason: Annotated[str, typer.Option(help="Kept with the decision / 判断の理由")] = "",
    by: Annotated[str, typer.Option(envvar="USER", help="Who decides / 判断者")] = "",
    json: AsJson = False,
) -> None:
    """Doubtful pairs: same person, different, or later. 同一人物か迷う組を確認・判断。"""
    from connector.cli.review import Reviewing

    console = Console(json=json)
    with closing(_open(config)) as app:
        reviewing = Reviewing(app, console, by, reason, limit)
        if suggest:
            reviewing.suggest()
        if answers is not None or same or different or split:
            reviewing.take(answers, same, different, split or ())
        elif csv is not None:
            reviewing.write(csv)
        else:
            reviewing.ask(interactive=sys.stdin.isatty() and not json)


identity = typer.Typer(help="Who is who: how good it is. 名寄せの精度。", no_args_is_help=True)
cli.add_typer(identity, name="identity")


@identity.command("audit")
def audit_identity(
    config: ConfigPath = CONFIG,
    sample: Annotated[int, typer.Option(help="So many joined pairs / 抽出する組数")] = 200,
    out: Annotated[Path, typer.Option("--out", "-o", help="To be filled in / 記入用の出力先")] = Path("audit.csv"),
    score: Annotated[
        Path | None, typer.Option("--score", metavar="AUDIT.csv", help="A file that was filled in / 記入済みのファイル")
    ] = None,
    seed: Annotated[int, typer.Option(help="Of the sample / 抽出の乱数の種")] = 1,
    json: AsJson = False,
) -> None:
    """Pairs that were joined, for a person to check; and how good each rule was. 名寄せ結果の抜き取り確認。"""
    from connector.cli.review import audit as audit_sample
    from connector.cli.review import show_audit

    console = Console(json=json)
    if score is not None:
        show_audit(console, score)
        return
    with closing(_open(config)) as app:
        audit_sample(app, console, sample, seed, out)


@cli.command()
def init(
    folder: Annotated[Path, typer.Argument(help="Where to write / 作成先")] = Path(),
    systems: Annotated[str | None, typer.Option(help=f"{' | '.join(TEMPLATES)}; else asks / 省略時は質問")] = None,
) -> None:
    """Write a commented skeleton of config.yaml and mappings. 設定ファイルの雛形を作成。"""
    from connector.cli.skeleton import asked, write

    console = Console()
    if systems is None:
        systems = asked(console) if sys.stdin.isatty() else next(iter(TEMPLATES))
    _choice(systems, "--systems", tuple(TEMPLATES))
    console.written(write(folder, systems))


@cli.command()
def schema(
    name: Annotated[
        str | None, typer.Argument(help="config, people, scores, ..., test: print this one / 表示するスキーマ")
    ] = None,
    out: Annotated[
        Path | None, typer.Option("--out", "-o", metavar="DIR", help="Write all of them / 全スキーマの出力先")
    ] = None,
) -> None:
    """JSON Schema of config.yaml and mappings, for completion in editors. エディター用の JSON Schema を出力。"""
    from connector.cli.schema import show_schema, write_schemas

    if (name is None) == (out is None):
        raise typer.BadParameter("NAME | --out DIR")
    if out is not None:
        write_schemas(Console(), out)
    elif name is not None:
        show_schema(Console(), name)


@cli.command()
def sandbox(
    seed: Annotated[int, typer.Option(help="Seed of the emulated company / 乱数の種")] = 1,
    port_base: Annotated[int, typer.Option(help="First port; 0: any free ones / 先頭ポート")] = 0,
    chaos: Annotated[str, typer.Option(help="late,lock,quota,reset,... / 障害の種類")] = "",
    into: Annotated[
        Path | None, typer.Option(help="New folder for a configuration that fits / 設定一式を作成するフォルダー")
    ] = None,
    json: AsJson = False,
) -> None:
    """Keep emulated systems up on 127.0.0.1 until SIGTERM. 擬似システムを起動。"""
    from connector.demo.keep import keep_sandbox

    _log()
    raise typer.Exit(keep_sandbox(seed, port_base, chaos, into, Console(json=json)))


@cli.command()
def demo(
    seed: Annotated[int, typer.Option(help="Seed of the emulated company / 乱数の種")] = 1,
    json: AsJson = False,
    keep: Annotated[bool, typer.Option("--keep", help="Leave everything running / 終了せず残す")] = False,
) -> None:
    """The whole loop on emulated systems, with seeded data. 擬似システムで全体の流れを実演。"""
    from connector.demo.story import tell

    _log()
    raise typer.Exit(tell(seed, Console(json=json), keep=keep))
