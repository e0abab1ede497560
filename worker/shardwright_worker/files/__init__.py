"""Files and folders on volumes: opening, reading, moving, and what their errors mean. Knows nothing of models."""
