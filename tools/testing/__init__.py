"""Stand-ins for what surrounds the operator and the worker in tests: API requests, pods, workers, a Hub server."""
