# ruff: noqa: N999  # PyInstaller wants this name
"""PyInstaller's hook-bpframe: components are found by metadata, which no import shows, so a program needs both.

Components of other distributions that are installed where the program is built are taken along, too.
"""

from PyInstaller.utils.hooks import collect_data_files, collect_entry_point, collect_submodules, copy_metadata

from bpframe.registry.kinds import KINDS

ON_REQUEST = ("bpframe.sklearn", "bpframe.pyinstaller")  # what a program imports itself, or not at all

datas = [*copy_metadata("bpframe"), *collect_data_files("bpframe")]
hiddenimports = collect_submodules("bpframe", filter=lambda name: not name.startswith(ON_REQUEST), on_error="ignore")
for kind in KINDS.values():
    files, modules = collect_entry_point(kind.group)
    datas += files
    hiddenimports += modules
