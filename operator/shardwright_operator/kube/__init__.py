"""The API server: client, cache, apply, events."""
