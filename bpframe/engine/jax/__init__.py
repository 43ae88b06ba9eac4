"""The compiled engine: blocks of training steps as XLA programs."""
