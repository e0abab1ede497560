"""The runtime: queue, election, cache and the operator's process, against a real API server."""
