"""The engines that ship with bpframe; they enter through the entry-point group bpframe.engines like any other."""
