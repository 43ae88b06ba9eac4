"""What this distribution offers keeps the laws of its kinds: a test for each component."""

import bpframe.testing

test_conformance = bpframe.testing.suite("bpframe-ordinal-survival")
