"""The whole loop on emulated systems: a story that checks itself, and systems to try a configuration on."""
