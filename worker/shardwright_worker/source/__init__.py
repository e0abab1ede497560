"""Source checkpoints in a folder: which files count, what they hold, and their digests."""
