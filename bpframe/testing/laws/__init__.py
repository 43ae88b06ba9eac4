"""Laws that several kinds share, and the small experiments by which they are checked."""
