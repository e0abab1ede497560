"""Every kind of model there and back, through the command line, with the tokens of a stock vLLM."""
