"""What is wrong with this machine: its environment, and a trial program; no model is involved."""
