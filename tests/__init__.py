"""The tests, importable by this name so that they may share helpers."""
