"""e-Sales Manager Remix by its REST API: numeric column codes, one search, single writes."""
