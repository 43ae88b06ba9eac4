"""Run folders: what a training leaves behind, and how to find it again."""
