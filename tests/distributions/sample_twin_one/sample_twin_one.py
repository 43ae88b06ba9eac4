"""Twin number one."""


class Twin:
    """loss = sum_c (z_c - y_c), slope 1."""

    link = "identity"

    def value_and_delta(self, scores, target):
        """(loss (B,), slope (B, C))."""
        return (scores - target).sum(axis=-1), scores * 0 + 1
