"""Teachers behind an OpenAI-compatible service, one request at a time or in batches."""
