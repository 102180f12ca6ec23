"""A whole step of training as one file: its rules, its trace, its comparison with torch.optim; no inference."""
