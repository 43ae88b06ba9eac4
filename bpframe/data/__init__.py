"""Data: from a user's arrays and labels to checked inputs, targets and weights, and from scores back to labels."""
