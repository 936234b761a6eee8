"""The memory between runs: facts, the outbox, cursors, the lease, runs. SQLite or PostgreSQL."""
