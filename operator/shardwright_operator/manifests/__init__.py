"""Pure builders of the objects that the operator creates, from what a plan asks for."""
