"""The API server: client, cache, observing a resource, executing a plan, Events."""
