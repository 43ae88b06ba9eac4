"""The Trainer and one fit: loop, hooks, history, parameter groups, dry run, checkpoints."""
