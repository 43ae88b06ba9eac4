"""How docs/reference is made from the code: pages of text, and pictures of activations, losses and schedules."""
