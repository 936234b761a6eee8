"""How fast it is, against references in the same run: `python -m benchmarks --help`."""
