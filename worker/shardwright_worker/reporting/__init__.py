"""What a worker reports: progress while it runs, log records without secrets, and the final report."""
