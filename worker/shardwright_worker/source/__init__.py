"""Source checkpoints in a folder: which files are part of one, whether they are complete, and their digests."""
