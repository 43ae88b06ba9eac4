"""Laws that several kinds share, and the test runs that check them."""
