"""What passes between a TPU and its memory, counted from a small program."""

import importlib
import pathlib

import pytest

FAR, NEAR = "{1,0:T(8,128)}", "{1,0:T(8,128)S(1)}"

# Arrays of 1,000 bytes; S(1) is the chip's vector memory.
PROGRAM = f"""HloModule example

%inside (a: f32[10,25], b: f32[10,25]) -> f32[10,25] {{
  %a = f32[10,25]{FAR} parameter(0)
  %b = f32[10,25]{NEAR} parameter(1)
  %part = f32[1,25]{NEAR} slice(%a), slice={{[0:1], [0:25]}}
  ROOT %sum = f32[10,25]{FAR} add(%b, %part)
}}

%condition (state: (s32[], f32[10,25])) -> pred[] {{
  %turns = s32[] constant(3)
  %state = (s32[], f32[10,25]{FAR}) parameter(0)
  ROOT %less = pred[] compare(%state, %turns), direction=LT
}}

%body (state: (s32[], f32[10,25])) -> (s32[], f32[10,25]) {{
  %state = (s32[]{{:S(6)}}, f32[10,25]{FAR}) parameter(0)
  %it = f32[10,25]{FAR} get-tuple-element(%state), index=1
  %next = f32[10,25]{FAR} negate(%it)
  ROOT %tuple = (s32[], f32[10,25]{FAR}) tuple(%it, %next)
}}

ENTRY %main (p: f32[10,25]) -> f32[10,25] {{
  %p = f32[10,25]{FAR} parameter(0)
  %start = (f32[10,25]{NEAR}, f32[10,25]{FAR}, u32[]{{:S(2)}}) copy-start(%p)
  %near = f32[10,25]{NEAR} copy-done(%start)
  %both = f32[10,25]{FAR} fusion(%p, %near), kind=kLoop, calls=%inside
  %loop = (s32[], f32[10,25]{FAR}) while(%both), condition=%condition, body=%body
  ROOT %end = f32[10,25]{NEAR} exponential(%near)
}}
"""


@pytest.fixture
def program(monkeypatch):
    monkeypatch.syspath_prepend(pathlib.Path(__file__).parents[3])
    return importlib.import_module("scripts.benchmarks.tpu_program")


def test_only_what_passes_the_chips_border_counts_and_loops_as_often_as_they_run(program):
    copied, fused, loop = 1000, 100 + 1000, 3 * 2000  # of the slice, a tenth; the end is all near
    found = program.memory_bytes(PROGRAM)
    assert found == copied + fused + loop
