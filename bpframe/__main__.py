"""Main module: `python -m bpframe` runs the command line."""

from bpframe.cli import main

main(prog_name="bpframe")
