"""The engines that ship with bpframe; they enter through the entry-point group bpframe.engines like any other.

The folder has another name than the namespace `bp.engines`, which importing a folder of that name would hide.
"""
