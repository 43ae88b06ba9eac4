#!/usr/bin/env bash
# pluggy 1.7.0: hooks marked `trylast` are called in the order of registration, all others in the reverse.
#
# Behaviour: of plugins registered as a, b, c, plain hooks are called c, b, a; those with tryfirst=True too; those with
# trylast=True as a, b, c, which are called after all plain ones.
#
# Most expect: the last registered is called first everywhere, as the documents say of hooks without options. Two plugins
# that both ask to be last change places against their other hooks.
#
# Output seen (2026-11-29, Python 3.11):
#
#     plain ['c', 'b', 'a']
#     {'tryfirst': True} ['c', 'b', 'a']
#     {'trylast': True} ['a', 'b', 'c']
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/env"
"$folder/env/bin/pip" install -q pluggy==1.7.0

"$folder/env/bin/python" - > "$folder/seen" <<'PYTHON'
import pluggy

spec, impl = pluggy.HookspecMarker("demo"), pluggy.HookimplMarker("demo")


class Spec:
    @spec
    def hook(self):
        """A hook."""


def plugin(name, **options):
    class Plugin:
        @impl(**options)
        def hook(self):
            return name

    return Plugin()


for options in ({}, {"tryfirst": True}, {"trylast": True}):
    manager = pluggy.PluginManager("demo")
    manager.add_hookspecs(Spec)
    for name in "abc":
        manager.register(plugin(name, **options))
    print(options or "plain", manager.hook.hook())
PYTHON
cat "$folder/seen"

diff "$folder/seen" - > "$folder/change" <<'EXPECTED' || { echo "This has changed:"; cat "$folder/change"; exit 1; }
plain ['c', 'b', 'a']
{'tryfirst': True} ['c', 'b', 'a']
{'trylast': True} ['a', 'b', 'c']
EXPECTED
