"""Reader of a TOML config: its tables, and the line of each setting."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path
from typing import Any

from bpframe.errors import ConfigError
from bpframe.runs.config.locations import Locations
from bpframe.runs.config.toml_lines import line_numbers, statements

MOST_BYTES = 2**20
MOST_LEVELS = 32  # of tables and arrays in each other

Tables = dict[str, Any]  # as tomllib gives them


def read_toml(path: Path) -> tuple[Tables, Locations]:
    """The tables of a TOML file and the locations of their settings; ConfigError for a file that is not one."""
    text = _text(path)
    try:
        tables = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise _invalid(path, text, str(error)) from None
    except RecursionError:
        raise _too_deep(path, _deep_line(text) or 1) from None
    except ValueError:  # int() refuses so many digits
        where = next((i for i, line in enumerate(text.split("\n"), 1) if re.search(r"[0-9_]{4000}", line)), 1)
        raise ConfigError(f"{path}:{where}: a config needs numbers of at most 38 digits, got more.") from None
    if line := _deep_line(text):
        raise _too_deep(path, line)
    return tables, Locations(str(path), line_numbers(text))


def _text(path: Path) -> str:
    try:
        with path.open("rb") as file:
            content = file.read(MOST_BYTES + 1)
    except OSError as error:
        raise ConfigError(
            f"{path}: a config needs to be a readable file, got: {error.strerror}. Check the path."
        ) from None
    if len(content) > MOST_BYTES:
        raise ConfigError(f"{path}: a config needs at most {MOST_BYTES:,} bytes, got more. Is it the right file?")
    try:
        return content.decode("utf-8-sig").replace("\r\n", "\n")
    except UnicodeDecodeError as error:
        line = content[: error.start].count(b"\n") + 1
        raise ConfigError(f"{path}:{line}: a config needs UTF-8, got the byte 0x{content[error.start]:02x}.") from None


def _invalid(path: Path, text: str, message: str) -> ConfigError:
    """tomllib names line and column at the end of its message, or the end of the document."""
    where = re.search(r" \(at line (\d+), column \d+\)$", message)
    line = int(where[1]) if where else text.rstrip("\n").count("\n") + 1
    return ConfigError(f"{path}:{line}: a config needs valid TOML, got: {message}.")


def _too_deep(path: Path, line: int) -> ConfigError:
    return ConfigError(f"{path}:{line}: a config needs at most {MOST_LEVELS} tables or arrays in each other, got more.")


def _deep_line(text: str) -> int | None:
    lines = (s.line for s in statements(text) if len(s.keys) + s.depth > MOST_LEVELS)
    return next(lines, None)
