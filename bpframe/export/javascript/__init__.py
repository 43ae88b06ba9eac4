"""The JavaScript form of a model: a module without imports, for browsers, node and deno."""
