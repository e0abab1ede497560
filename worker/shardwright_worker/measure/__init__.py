"""Measures how long a stock vLLM takes to load the source and the shards, and how much of them it reads."""
