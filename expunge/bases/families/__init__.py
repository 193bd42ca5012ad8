"""The differences between families of models: one module per family."""
