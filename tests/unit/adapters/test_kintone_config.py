"""What lint says about the options of a kintone, before anything is asked."""

from __future__ import annotations

import pytest

from connector.adapters.kintone.options import Config
from connector.spec import Mark, parse, read_yaml_text

TOKENS = """
base_url: https://example.cybozu.com
apps:
  people: {id: 12, token: {env: KINTONE_PEOPLE}}
  deals: {id: 15, token: {env: KINTONE_DEALS}}
"""
BARE = """
base_url: https://example.cybozu.com
apps:
  people: {id: 12}
  deals: {id: 15}
"""


def problems_of(written: str) -> list[str]:
    root, problems = read_yaml_text(written, "config.yaml")
    assert problems == []
    return [str(problem) for problem in parse(Config, root, Mark("config.yaml", 1, 1))[1]]


@pytest.mark.parametrize(
    "written",
    [
        TOKENS,
        BARE + "username: {env: U}\npassword: {env: P}\n",
        BARE + "oauth_token: {env: T}\n",
        TOKENS + "basic: {username: {env: U}, password: {env: P}}\n",
        TOKENS + "alert: {app: deals}\ntimeline: {app: people}\n",
        TOKENS + "alert: {via: [comment, app], claim: ma_last_alert, app: deals}\n",
        TOKENS + "alert: {via: comment, claim: ma_last_alert}\n",
    ],
)
def test_what_is_right_is_taken(written: str) -> None:
    assert problems_of(written) == []


@pytest.mark.parametrize(
    ("written", "said"),
    [
        ("base_url: https://example.cybozu.com\napps: {}\n", "apps"),
        (BARE, "no clear way to sign in"),
        (TOKENS + "oauth_token: {env: T}\n", "no clear way to sign in"),
        (TOKENS + "username: {env: U}\npassword: {env: P}\n", "no clear way to sign in"),
        (BARE + "username: {env: U}\n", "no clear way to sign in"),
        (TOKENS + "  products: {id: 30}\n", "no token for products"),
        (
            BARE + "oauth_token: {env: T}\nbasic: {username: {env: U}, password: {env: P}}\n",
            "basic cannot stand beside",
        ),
        (TOKENS + "  leads: {id: 12, token: {env: OTHER}}\n", "app 12 stands under two names"),
        (TOKENS + "  leads: {id: 13, token: {env: KINTONE_PEOPLE}}\n", "the token of people is that of another app"),
        (TOKENS + "alert: {app: alert}\n", "alert.app: there is no app 'alert'"),
        (TOKENS + "timeline: {app: deal}\n", "did you mean 'deals'?"),
        (TOKENS + "alert: {via: app}\n", "alerts by app need app"),
        (TOKENS + "alert: {via: [comment, app], app: deals}\n", "alerts by comment need claim"),
        (TOKENS + "overlap: 1m\n", "overlap"),
        (TOKENS + "page_size: 501\n", "page_size"),
        (TOKENS.replace("https", "http"), "not https"),
        (TOKENS.replace("cybozu.com", "cybozu.com/k/12/"), "leave out what begins with /k"),
        (TOKENS.replace("{env: KINTONE_PEOPLE}", "abc123"), "a secret is written out here"),
    ],
)
def test_what_is_wrong_is_told(written: str, said: str) -> None:
    told = problems_of(written)
    assert told
    assert said in told[0]
    assert "abc123" not in told[0]
