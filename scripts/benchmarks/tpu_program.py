"""What a compiled TPU program moves, counted from its text.

XLA's own count of "bytes accessed" says little about a TPU. It adds up what every instruction
reads and writes wherever that lies, so it also counts what stays in the chip's vector memory
(128 MiB on v5e); it counts a copy between the two memories several times over; and it counts the
body of a loop once. ``memory_bytes`` counts what passes between the chip and its high-bandwidth
memory, and a loop's body as often as it runs.
"""

import math
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

_BITS = {"pred": 8, "s8": 8, "u8": 8, "bf16": 16, "f16": 16, "s32": 32, "u32": 32, "f32": 32}
_ARRAY = re.compile(r"\b([a-z]+\d*)\[([\d,]*)\](?:\{([^}]*)\})?")
_INSTRUCTION = re.compile(r"^\s+(ROOT )?%([\w.-]+) = (.*)$")
_COMPUTATION = re.compile(r"^(ENTRY )?%([\w.-]+) ")
# What moves nothing: names for what is there already, and the ends of copies under way.
_FREE = {
    *("parameter", "constant", "iota", "bitcast", "tuple", "get-tuple-element", "after-all"),
    *("copy-done", "slice-done", "async-done", "opt-barrier"),
}


@dataclass(frozen=True)
class _Instruction:
    is_root: bool
    name: str
    type: str
    code: str
    arguments: str
    rest: str

    @property
    def operands(self) -> list[str]:
        return re.findall(r"%([\w.-]+)", self.arguments)

    def called(self, key: str) -> str:
        """The computation that it calls as ``key``."""
        found = re.search(rf"\b{key}=%([\w.-]+)", self.rest)
        if not found:
            raise ValueError(f"{self.name} has no {key}")
        return found[1]


_Computation = dict[str, _Instruction]


def _closing(text: str, start: int) -> int:
    """Where the parenthesis that opens at ``start`` closes."""
    depth = 0
    for i, character in enumerate(text[start:], start):
        depth += (character == "(") - (character == ")")
        if not depth:
            return i
    raise ValueError(f"open parenthesis: {text[:80]}")


def _parse(text: str) -> tuple[dict[str, _Computation], str]:
    """All computations by name, and the name of the first to run."""
    computations: dict[str, _Computation] = {}
    entry, current = "", {}
    for line in text.splitlines():
        head = _COMPUTATION.match(line)
        if head:
            current = computations.setdefault(head[2], {})
            entry = head[2] if head[1] else entry
        found = _INSTRUCTION.match(line)
        if not found:
            continue
        body = found[3]
        split = _closing(body, 0) + 1 if body[0] == "(" else body.index(" ")
        kind, call = body[:split], body[split + 1 :]
        begin = call.index("(")
        end = _closing(call, begin)
        current[found[2]] = _Instruction(
            bool(found[1]), found[2], kind, call[:begin], call[begin + 1 : end], call[end + 1 :]
        )
    return computations, entry


def _arrays(kind: str) -> list[tuple[float, bool]]:
    """Of a type, each array's bytes and whether it lies in high-bandwidth memory."""
    return [
        (
            math.prod(int(n) for n in shape.split(",") if n) * _BITS[element] / 8,
            not re.search(r"S\([1-9]", layout or ""),
        )
        for element, shape, layout in _ARRAY.findall(kind)
        if element in _BITS
    ]


def _size(instruction: _Instruction) -> float:
    return sum(size for size, _ in _arrays(instruction.type))


def _read_of(parameter: _Instruction, inside: _Computation) -> float:
    """How much of a parameter a fusion reads: slices may be all."""
    whole, read = _size(parameter), 0.0
    names = [parameter.name]
    while names:
        name = names.pop()
        for user in (i for i in inside.values() if name in i.operands):
            if user.code == "bitcast":
                names.append(user.name)
            elif user.code in ("slice", "dynamic-slice", "gather") and user.operands[0] == name:
                read += _size(user)
            elif user.code != "dynamic-update-slice" or user.operands[0] != name:
                return whole
    return min(read, whole)


def _written_by(root: _Instruction, inside: _Computation) -> list[float]:
    """Bytes of each result of a fusion; where a slice is put into an array, of the slice."""
    if root.code == "tuple":
        return [size for name in root.operands for size in _written_by(inside[name], inside)]
    if root.code == "bitcast":
        return _written_by(inside[root.operands[0]], inside)
    if root.code == "dynamic-update-slice":
        return [_size(inside[root.operands[1]])]
    return [_size(root)]


def _moves(
    one: _Instruction, around: _Computation, computations: Mapping[str, _Computation]
) -> Iterator[tuple[float, bool]]:
    """Reads and writes of an instruction: bytes, and whether of high-bandwidth memory."""
    results = _arrays(one.type)
    operands = [around[name] for name in one.operands if name in around]
    if one.code == "fusion":
        inside = computations[one.called("calls")]
        root = next(i for i in inside.values() if i.is_root)
        parameters = {i.arguments: i for i in inside.values() if i.code == "parameter"}
        for number, operand in enumerate(operands):
            for _, is_far in _arrays(operand.type):
                yield _read_of(parameters[str(number)], inside), is_far
        for size, (_, is_far) in zip(_written_by(root, inside), results, strict=True):
            yield size, is_far
    elif one.code == "copy-start":  # its results are target, source and a semaphore
        yield from results[:2]
    elif one.code == "slice-start":  # its results are the operands, target and a semaphore
        size, is_far = results[1]
        yield from ((size, is_far), (size, results[0][1]))
    elif one.code in ("slice", "dynamic-slice"):
        yield from (results[0], (results[0][0], _arrays(operands[0].type)[0][1]))
    elif one.code == "dynamic-update-slice":
        size, is_far = _arrays(operands[1].type)[0]
        yield from ((size, is_far), (size, results[0][1]))
    else:
        yield from results
        for operand in operands:
            yield from _arrays(operand.type)


def memory_bytes(text: str) -> float:
    """Bytes read from and written to high-bandwidth memory by a program of one device.

    Args:
        text: ``compiled.as_text()``.
    """
    computations, entry = _parse(text)

    def count(name: str) -> float:
        total, around = 0.0, computations[name]
        for one in around.values():
            if one.code == "while":
                condition = computations[one.called("condition")]
                # ``lax.scan`` counts up to the only constant of its condition.
                turns = [int(i.arguments) for i in condition.values() if i.code == "constant"]
                total += max(turns) * count(one.called("body"))
            elif one.code not in _FREE and not re.search('target="(Concat|Alloc)', one.rest):
                total += sum(size for size, is_far in _moves(one, around, computations) if is_far)
        return total

    return count(entry)
