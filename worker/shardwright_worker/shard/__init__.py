"""The shard stage: a source in, a verified and published artifact out."""
