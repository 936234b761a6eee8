"""e-Sales Manager Remix: `/CONTEXT/rest/v1`, numeric column codes."""
