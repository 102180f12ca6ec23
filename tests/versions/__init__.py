"""Files that one PyTorch made, in another; `scripts/versions` has more than one."""
