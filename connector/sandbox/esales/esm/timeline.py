"""The timeline: posts in the open or in a channel, with notifications besides.

What a post looks like when it is read is public; what is sent to make one is made up after that.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, tzinfo
from typing import Any

from connector.sandbox.esales.esm.refusals import absent, busy, forbidden
from connector.sandbox.esales.refusal import bad
from connector.sandbox.esales.sheets import Row

_KNOWN = {"body", "tag", "relation", "channel", "notification"}
_NOTIFICATIONS = {"notice", "mail", "push"}


@dataclass(frozen=True, slots=True)
class Channel:
    """A channel, and who may write and read in it besides system users."""

    name: str
    members: frozenset[int]


class Timeline:
    """Posts and channels."""

    def __init__(self) -> None:
        self._posts: dict[int, Row] = {}
        self._channels: dict[int, Channel] = {}
        self._last = 0

    def add_channel(self, name: str, members: Iterable[int]) -> int:
        """A new channel."""
        channel_id = len(self._channels) + 1
        self._channels[channel_id] = Channel(name, frozenset(members))
        return channel_id

    def posts(self) -> list[Row]:
        """Copies of all posts, oldest first."""
        return [dict(post) for post in self._posts.values()]

    def post(self, body: Mapping[str, Any], user_id: int, now: datetime, *, everywhere: bool) -> int:
        """Register a post and give its id; `everywhere`: the user sees every channel."""
        if unknown := body.keys() - _KNOWN:
            raise bad(f"不明なパラメータです: {', '.join(sorted(unknown))}")
        post: Row = {
            "postDatetime": now,
            "body": _blocks(body.get("body")),
            "attachedFile": [],
            "postUserId": user_id,
            "postEmployeeId": user_id,
            "tag": _strings(body.get("tag") or []),
            "relation": [_relation(each) for each in _objects(body.get("relation") or [])],
            "channel": self._channel(body.get("channel"), user_id, everywhere=everywhere),
            "replies": [],
            "notification": _notification(body.get("notification") or {}),
        }
        self._last += 1
        self._posts[self._last] = {"id": self._last, **post}
        return self._last

    def get(self, post_id: int, user_id: int, *, everywhere: bool) -> Row:
        """A post, if there is one that the user may see."""
        found = self._posts.get(post_id)
        if found is None:
            raise absent()
        if found["channel"]:
            self._channel(found["channel"], user_id, everywhere=everywhere)
        return found

    def remove(self, post_id: int) -> None:
        """Delete a post."""
        del self._posts[post_id]

    def _channel(self, given: Any, user_id: int, *, everywhere: bool) -> dict[str, Any] | None:
        if given is None:
            return None
        channel_id = given.get("channelId") if isinstance(given, dict) else None
        if type(channel_id) is not int:
            raise busy()
        channel = self._channels.get(channel_id)
        if channel is None:
            raise bad("チャンネルが存在しません。")
        if not everywhere and user_id not in channel.members:
            raise forbidden()
        return {"channelId": channel_id, "channelName": channel.name}


def printed(post: Row, zone: tzinfo) -> dict[str, Any]:
    """A post as an answer has it."""
    told = {str(name): value for name, value in post.items() if name != "notification"}
    return told | {"postDatetime": post["postDatetime"].astimezone(zone).strftime("%Y/%m/%d %H:%M:%S")}


def _objects(given: Any) -> list[dict[str, Any]]:
    if not isinstance(given, list) or not all(isinstance(each, dict) for each in given):
        raise busy()
    return given


def _strings(given: Any) -> list[str]:
    if not isinstance(given, list) or not all(isinstance(each, str) for each in given):
        raise busy()
    return given


def _blocks(given: Any) -> list[dict[str, Any]]:
    blocks = _objects(given)
    if not blocks or not all(isinstance(each.get("text"), str) and each["text"] for each in blocks):
        raise bad("本文を指定してください。")
    return blocks


def _relation(given: dict[str, Any]) -> dict[str, Any]:
    if given.keys() != {"sheetName", "id"} or not isinstance(given["sheetName"], str) or type(given["id"]) is not int:
        raise busy()
    return given


def _notification(given: Any) -> dict[str, bool]:
    if not isinstance(given, dict) or not all(isinstance(each, bool) for each in given.values()):
        raise busy()
    if given.keys() - _NOTIFICATIONS:
        raise bad("通知の指定が不正です。")
    return given
