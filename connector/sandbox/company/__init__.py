"""What `connector.sandbox.seed` fills emulated systems with: a small Japanese company's year, untidy as in life."""
