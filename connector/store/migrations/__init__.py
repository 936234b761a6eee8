"""Schema changes, applied in order; there is no way back, only a backup."""
