"""Shards every kind of model with every layout, and compares its tokens with those of a stock vLLM."""
