"""The guard for servers: compares a `vllm serve` command line and its machine with an artifact."""
