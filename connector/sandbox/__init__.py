"""Emulated systems that only speak HTTP. They know nothing of the adapters."""
