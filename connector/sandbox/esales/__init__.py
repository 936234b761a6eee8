"""e-Sales Manager emulated, in its two generations: Remix (REST with column codes) and esm (gateway with item keys)."""

from connector.sandbox.esales.remix.service import RemixEmulator
from connector.sandbox.esales.remix.settings import ListShape, RemixSettings

__all__ = ["ListShape", "RemixEmulator", "RemixSettings"]
