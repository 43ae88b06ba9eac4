"""The JAX engine: blocks of training steps compiled as XLA programs."""
