"""Each test that asks for PostgreSQL gets an empty database of its own on a real server."""

from __future__ import annotations

from collections.abc import Iterator

import psycopg
import pytest
import sqlalchemy


def plain(url: str) -> str:
    return url.replace("postgresql+psycopg://", "postgresql://")


def test_server_answers(postgres_url: str) -> None:
    with psycopg.connect(plain(postgres_url)) as connection:
        assert connection.execute("SELECT 1").fetchone() == (1,)


@pytest.mark.parametrize("visit", [1, 2])
def test_every_test_gets_an_empty_database(postgres_url: str, visit: int) -> None:
    with psycopg.connect(plain(postgres_url)) as connection:
        connection.execute("CREATE TABLE visits (number integer)")
        connection.execute("INSERT INTO visits VALUES (%s)", (visit,))
        assert connection.execute("SELECT number FROM visits").fetchall() == [(visit,)]


def test_sqlalchemy_connects_and_text_is_unicode(postgres_url: str) -> None:
    engine = sqlalchemy.create_engine(postgres_url)
    with engine.connect() as connection:
        assert connection.scalar(sqlalchemy.text("SELECT :name"), {"name": "髙橋 ㈱"}) == "髙橋 ㈱"
    engine.dispose()


@pytest.fixture
def left_open() -> Iterator[list[psycopg.Connection]]:
    connections: list[psycopg.Connection] = []
    yield connections
    for connection in connections:
        connection.close()


# The order of the arguments matters: what is set up first is taken down last, after the database was dropped.
def test_connections_left_open_do_not_hold_the_database(left_open: list[psycopg.Connection], postgres_url: str) -> None:
    left_open.append(psycopg.connect(plain(postgres_url)))
    left_open[0].execute("SELECT 1")
