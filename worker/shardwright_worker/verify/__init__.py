"""Prove that a stock vLLM loads the same weights from the shards."""
