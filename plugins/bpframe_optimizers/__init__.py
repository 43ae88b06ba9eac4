"""bpframe's update rules, one a file: from parameter, gradient and state to the next parameter and state."""
