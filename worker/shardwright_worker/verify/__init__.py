"""Verification: proves that a stock vLLM loads the same weights from the shards as from the source."""
