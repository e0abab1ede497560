"""The Shardwright operator."""
