"""esm: the gateway with `/auth/token` and `/esm-api/{tenant}/pub/esms/v1`, dotted item keys."""
