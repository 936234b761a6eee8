"""The shipped configuration: the same files that stand at the top of the project."""

from __future__ import annotations

from pathlib import Path

CONFIG = Path(__file__).parent / "config.example.yaml"
MAPPINGS = Path(__file__).parent / "mappings"
CSV = Path(__file__).parent / "csv"
