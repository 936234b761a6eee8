"""An account as one HTML page: no script, nothing from elsewhere, every word escaped by `Markup`."""

from __future__ import annotations

from collections.abc import Iterable

from markupsafe import Markup

from connector.reports.account import Account, Table

_PAGE = Markup(
    """<!DOCTYPE html>
<html lang="{language}">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
<meta name="viewport" content="width=device-width">
<title>{title}</title>
<style>
body {{ font: 15px/1.5 system-ui, sans-serif; margin: 2em auto; max-width: 70em; padding: 0 1em; }}
table {{ border-collapse: collapse; margin: 0 0 2em; }}
th, td {{ border-bottom: 1px solid #ccc; padding: .2em .8em .2em 0; text-align: left; vertical-align: top; }}
</style>
</head>
<body>
<h1>{title}</h1>
{body}</body>
</html>
"""
)
_TABLE = Markup("{title}<table>\n{head}{rows}</table>\n")
_TITLE = Markup("<h2>{}</h2>\n")
_ROW = Markup("<tr>{}</tr>\n")
_HEAD = Markup('<th scope="{}">{}</th>')
_CELL = Markup("<td>{}</td>")


def page(told: Account) -> str:
    """The whole page."""
    facts = _joined(_ROW.format(_HEAD.format("row", name) + _CELL.format(value)) for name, value in told.facts)
    body = _TABLE.format(title="", head="", rows=facts) + _joined(map(_table, told.tables))
    return str(_PAGE.format(language=told.language, title=told.title, body=body))


def _table(table: Table) -> Markup:
    head = _ROW.format(_joined(_HEAD.format("col", name) for name in table.columns))
    rows = _joined(_ROW.format(_joined(map(_CELL.format, row))) for row in table.rows)
    return _TABLE.format(title=_TITLE.format(table.title), head=head, rows=rows)


def _joined(parts: Iterable[Markup]) -> Markup:
    return Markup("").join(parts)
