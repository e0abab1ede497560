"""Files and folders on volumes: read, write, rename, lock and hash them, and classify their errors."""
