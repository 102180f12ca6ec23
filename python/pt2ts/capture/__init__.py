"""A module becomes a program: copy, examples, trials, contract, TorchScript, torch.export; nothing here compiles or writes."""
