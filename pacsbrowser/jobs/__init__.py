"""What runs in the background: rows with progress, retry and cancel, worked off by the worker process."""
