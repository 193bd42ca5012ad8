"""What is particular to each family of models, one module a family."""
