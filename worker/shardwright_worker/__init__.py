"""The Shardwright worker: saves, proves and publishes vLLM sharded-state checkpoints."""
