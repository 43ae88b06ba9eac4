#!/usr/bin/env bash
# pluggy 1.7.0: an implementation's keyword-only argument never gets what the caller passes.
#
# Behaviour: a hook is specified with the arguments `state` and `verbose` and called with verbose=True. Implemented as
# `report(self, state, verbose=False)` it gets True. Implemented as `report(self, state, *, verbose=False)` it gets False,
# its default: registration takes it, `check_pending` has no objection, nothing warns. Without a default
# (`*, verbose`) the call ends in a TypeError on a missing argument, although the caller has passed it.
#
# Most expect: pluggy calls implementations by the names of their arguments, and hooks themselves can be called by keyword
# only; so whether an argument may also be given by position should make no difference, or be refused at registration.
# The page on implementations does not mention such arguments; a note at an attribute, `HookImpl.kwargnames`, says that
# they are not among those.
#
# Output seen (2026-11-29, Python 3.11):
#
#     verbose=False      True
#     *, verbose=False   False
#     *, verbose         TypeError
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/env"
"$folder/env/bin/pip" install -q pluggy==1.7.0

"$folder/env/bin/python" - > "$folder/seen" <<'PYTHON'
import pluggy

hookspec, hookimpl = pluggy.HookspecMarker("p"), pluggy.HookimplMarker("p")

class Spec:
    @hookspec
    def report(self, state, verbose): ...

class Default:
    @hookimpl
    def report(self, state, verbose=False):
        return verbose

class KeywordOnly:
    @hookimpl
    def report(self, state, *, verbose=False):
        return verbose

class Required:
    @hookimpl
    def report(self, state, *, verbose):
        return verbose

for title, plugin in (("verbose=False", Default()), ("*, verbose=False", KeywordOnly()), ("*, verbose", Required())):
    manager = pluggy.PluginManager("p")
    manager.add_hookspecs(Spec)
    manager.register(plugin)
    manager.check_pending()
    try:
        seen = manager.hook.report(state=None, verbose=True)[0]
    except TypeError as error:
        seen = type(error).__name__
    print(f"{title:18} {seen}")
PYTHON
cat "$folder/seen"

diff "$folder/seen" - > "$folder/change" <<'EXPECTED' || { echo "This has changed:"; cat "$folder/change"; exit 1; }
verbose=False      True
*, verbose=False   False
*, verbose         TypeError
EXPECTED
