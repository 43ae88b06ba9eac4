"""The network and its recursion: layers, forward and backward passes, gradients, trace."""
