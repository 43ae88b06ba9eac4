"""An update rule without annotations: its settings follow from the defaults."""


class HalfDescent:
    """p <- p - (lr / 2) g."""

    scope = "element"

    def __init__(self, lr=0.1):
        self.lr = lr

    def init(self, p):
        """Nothing to remember."""
        return {}

    def update(self, p, g, state, h):
        """(p - (lr / 2) g, {})."""
        return p - h.lr / 2 * g, {}
