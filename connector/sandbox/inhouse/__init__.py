"""An imagined customer register as companies build them for themselves: people, deals and more by REST and JSON.

No real product is emulated: the habits are those that such systems have, each to be switched on in `Settings` - ways to
sign in, to divide lists, to search and to write. It is strict: an unknown parameter, field or method is refused, and
so is a value of the wrong type.
"""

from connector.sandbox.inhouse.service import InHouse, Settings

__all__ = ["InHouse", "Settings"]
