"""python -m bpframe: the command line."""

from bpframe.cli import main

main(prog_name="bpframe")
