"""The derivation of backpropagation with the numbers of one row: computed, and shown as text and as a page."""
