"""Read-only answers as pure functions: data in, something to be shown out."""
