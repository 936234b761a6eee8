"""e-Sales Manager emulated, in its two generations: Remix (REST with column codes) and esm (gateway with item keys)."""

from connector.sandbox.esales.esm.service import EsmEmulator
from connector.sandbox.esales.esm.settings import EsmSettings
from connector.sandbox.esales.remix.service import RemixEmulator
from connector.sandbox.esales.remix.settings import ListShape, RemixSettings

__all__ = ["EsmEmulator", "EsmSettings", "ListShape", "RemixEmulator", "RemixSettings"]
