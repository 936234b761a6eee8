"""Which app a call is about, and whether who calls may do what they ask there."""

from __future__ import annotations

from dataclasses import dataclass

from connector.sandbox.kintone.domain import Domain
from connector.sandbox.kintone.errors import NO_PERMISSION, Refusal
from connector.sandbox.kintone.model import App
from connector.sandbox.kintone.web import Call

_GUEST_APP = (
    "ゲストスペース内のアプリを操作する場合は、ゲストスペースのIDを追加してください。",
    "To use an app in a guest space, add the ID of the guest space.",
)
_OTHER_APP = (
    "APIトークンとアプリの組み合わせが正しくありません。",
    "The combination of the API token and the app is not correct.",
)


@dataclass(frozen=True, slots=True)
class Access:
    """Lets calls in."""

    domain: Domain

    def app(self, call: Call, *rights: str, name: str = "app", any_right: bool = False) -> App:
        """The app of this call, for which its caller must have these rights, or with `any_right` one of them.

        Raises:
            Refusal: there is no such app, it lives elsewhere, a right is missing; or anything in the parameters,
                which must have been looked at before.
        """
        number = call.params.number(name)
        call.params.done()
        app = self.domain.app(number or 0)
        self.enter(call, app, *(() if any_right else rights))
        if any_right and call.who.rights(app).isdisjoint(rights):
            raise call.who.forbidden()
        return app

    def enter(self, call: Call, app: App, *rights: str) -> None:
        """Let a call into an app, at the path where it lives, and count it.

        Raises:
            Refusal: the app lives elsewhere, or a right is missing, or no token is one of it.
        """
        if call.place.guest is None and app.guest_space is not None:
            raise Refusal(400, "GAIA_IL23", _GUEST_APP)
        if call.place.guest != app.guest_space:
            raise Refusal(403, "CB_NO02", NO_PERMISSION)
        if call.who.tokens is not None and app.id not in call.who.tokens:
            raise Refusal(403, "GAIA_AP15", _OTHER_APP)
        call.who.need(app, *rights)
        self.domain.charge(app.id)
