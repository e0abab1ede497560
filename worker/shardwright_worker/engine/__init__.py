"""Engine processes, which run vLLM: starting them, exchanging messages with them, and classifying their failures."""
