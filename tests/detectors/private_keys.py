"""Blocks that look like private keys, of characters drawn by lot, and the ways texts show them."""

from __future__ import annotations

import html
import json
import random
import string
from collections.abc import Callable
from urllib.parse import quote_plus

_BASE64 = string.ascii_letters + string.digits + "+/"
#: What stands before PRIVATE KEY, and the header lines.
KINDS: tuple[tuple[str, tuple[str, ...]], ...] = (
    ("", ()),
    ("RSA ", ()),
    ("EC ", ()),
    ("DSA ", ()),
    ("OPENSSH ", ()),
    ("ENCRYPTED ", ()),
    ("RSA ", ("Proc-Type: 4,ENCRYPTED", "DEK-Info: AES-128-CBC," + "0A1B2C3D" * 4)),
    ("PGP ", ("Version: GnuPG v2.0.22 (GNU/Linux)", "Comment: Anna's key for work - old")),
    ("PGP ", ()),
)


def block(
    source: random.Random,
    kind: str = "RSA ",
    heads: tuple[str, ...] = (),
    rows: int = 25,
    last: int = 64,
) -> list[str]:
    """Draw the lines of a block: header, header lines, body, footer."""
    name = f"{kind}PRIVATE KEY{' BLOCK' if kind == 'PGP ' else ''}"
    body = ["".join(source.choices(_BASE64, k=64)) for _ in range(rows)]
    body.append("".join(source.choices(_BASE64, k=last)) + ("==" if last % 4 == 2 else ""))
    if kind == "PGP ":
        body.append("=" + "".join(source.choices(_BASE64, k=4)))
    head = [*heads, ""] if heads else []
    return [f"-----BEGIN {name}-----", *head, *body, f"-----END {name}-----"]


def _each(pattern: str, between: str = "\n") -> Callable[[list[str]], str]:
    """Write every line in a pattern of line and its number."""
    return lambda lines: between.join(pattern.format(x, n=n) for n, x in enumerate(lines, 1))


def _joined(between: str) -> Callable[[list[str]], str]:
    return between.join


def _in_columns(width: int) -> Callable[[list[str]], str]:
    """Break lines again that are longer than a screen is wide."""

    def write(lines: list[str]) -> str:
        return "\n".join(x[i : i + width] for x in lines for i in range(0, max(1, len(x)), width))

    return write


def _percent(lines: list[str]) -> str:
    text = "%0A".join(lines)
    for char in " +/=":
        text = text.replace(char, f"%{ord(char):02X}")
    return text


_DIV = '<div class="line"><span class="ln">{n}</span><span style="color:#a31515">{}</span></div>'
FORMS: dict[str, Callable[[list[str]], str]] = {
    "as it is": _joined("\n"),
    "CRLF": _joined("\r\n"),
    "one line": _joined(" "),
    "without breaks": _joined(""),
    "blank lines": _joined("\n\n"),
    "spaces at the end": _joined("  \n"),
    "indented": _each("        {}"),
    "tabs": _each("\t{}"),
    "quoted": _each("> {}"),
    "quoted twice": _each(">> {}"),
    "quoted with numbers": _each("> {n:02}: {}"),
    "numbered": _each("{n:3}  {}"),
    "numbered with a colon": _each("{n}: {}"),
    "numbered with a dot": _each("{n}. {}"),
    "numbered with a bar": _each("{n:4} | {}"),
    "numbered with a tab": _each("{n}\t{}"),
    "numbered beside a line": _each("{n:4}   \u2502 {}"),
    "numbered in brackets": _each("[{n}] {}"),
    "numbers on lines of their own": _each("{n}\n{}"),
    "hash comment": _each("# {}"),
    "tight hash comment": _each("#{}"),
    "line comment": _each("// {}"),
    "tight line comment": _each("//{}"),
    "block comment": _each(" * {}"),
    "SQL comment": _each("-- {}"),
    "assembler comment": _each("; {}"),
    "taken out": _each("-{}"),
    "put in": _each("+{}"),
    "list": _each("- {}"),
    "list of code": _each("* `{}`"),
    "bold": _each("**{}**"),
    "table": _each("| {n} | {} |"),
    "br": _joined("<br>"),
    "br and break": _joined("<br />\n"),
    "br escaped": lambda lines: html.escape("<br>".join(lines)),
    "paragraphs": _each("<p>{}</p>", ""),
    "spans": _each(_DIV),
    "hard spaces": _each("&nbsp;&nbsp;{}"),
    "numeric entity": _joined("&#10;"),
    "percent": _percent,
    "form": lambda lines: quote_plus("\n".join(lines)),
    "escaped": _joined("\\n"),
    "escaped twice": _joined("\\\\n"),
    "escaped CRLF": _joined("\\r\\n"),
    "JSON": lambda lines: json.dumps({"key": "\n".join(lines)}),
    "JSON in JSON": lambda lines: json.dumps(json.dumps({"key": "\n".join(lines)})),
    "JSON with escaped slashes": lambda lines: json.dumps("\n".join(lines)).replace("/", "\\/"),
    "JSON list": json.dumps,
    "JSON list in lines": lambda lines: json.dumps(lines, indent=2),
    "JSON object": lambda lines: json.dumps({f"line_{n}": x for n, x in enumerate(lines)}),
    "joined by +": _each('    "{}\\n"', " +\n"),
    "joined by .": _each("'{}'", "\n . "),
    "joined by nothing": _each("    '{}\\n'"),
    "joined bytes": _each("    b'{}\\n'"),
    "joined by a backslash": _each('"{}\\n"', " \\\n"),
    "continued": _joined("\\\n"),
    "added in PHP": _each('$key .= "{}\\n";'),
    "added": _each("key += '{}';"),
    "appended": _each('out.append("{}");'),
    "YAML": _each("    {}", "\n\n"),
    "commas": _joined(","),
    "columns of 60": _in_columns(60),
    "columns of 40": _in_columns(40),
    "invisible": _joined("\u200b\n"),
}
