"""What `connector serve` answers over HTTP."""
