"""What the worker tells while it runs and as it ends: progress, redacted text, and the final report."""
