"""LLVM without numba: modules of its language to machine code of this machine, and to what native.py calls.

Concession: numba runs passes over each function before those over the whole. Modules that were simplified
beforehand (preparing.py) need the latter alone, and code is as fast with half of LLVM's time.
"""

from __future__ import annotations

import json
from typing import Any

import llvmlite.binding as llvm

from nzip.exact import image
from nzip.exact.native import CALL, NEVER_CALLED, SCALARS, scalars

Tables = tuple[tuple[int, ...], ...]
# LLVM's types of what native.py's words say; where pointers are concerned, only that they are pointers.
_LLVM = {
    **{code: f"i{8 * int(code[1])}" for code in SCALARS if code[0] in "iu"},
    "b1": "i1", "f4": "float", "f8": "double", "ptr": "ptr", "none": "ptr",
}  # fmt: skip


def target_machine():
    """LLVM's, as numba has it: of this processor, for code that stays in this process."""
    llvm.initialize_native_target()
    llvm.initialize_native_asmprinter()
    return llvm.Target.from_triple(llvm.get_process_triple()).create_target_machine(
        cpu=llvm.get_host_cpu_name(), features=llvm.get_host_cpu_features().flatten(), opt=3,
        reloc="static", codemodel="jitdefault", jit=True,
    )  # fmt: skip


def optimise(module, target) -> None:
    """All that LLVM does for speed at its highest level, vectors of straight code left out as numba does."""
    builder = _builder(target, 3, True)
    passes = builder.getModulePassManager()
    passes.add_refprune_pass()
    passes.run(module, builder)


def simplify(module, target) -> None:
    """What no processor is asked for: variables to registers, what is never called away, and the like. A
    module is then a quarter as long."""
    builder = _builder(target, 0, False)
    passes = llvm.create_new_module_pass_manager()
    for add in (
        passes.add_global_dead_code_eliminate_pass, passes.add_sroa_pass, passes.add_simplify_cfg_pass,
        passes.add_instruction_combine_pass, passes.add_simplify_cfg_pass,
    ):  # fmt: skip
        add()
    passes.run(module, builder)


def inline(module, target) -> None:
    """Take in what must be, and nothing else."""
    builder = _builder(target, 0, False)
    builder.getModulePassManager().run(module, builder)


def _builder(target, level: int, vectors: bool):
    """LLVM's passes at an optimisation ``level``; ``vectors``: whether loops become such."""
    tuning = llvm.create_pipeline_tuning_options(level)
    tuning.loop_vectorization, tuning.slp_vectorization = vectors, False
    return llvm.create_pass_builder(target, tuning)


def told_symbol(table: int) -> str:
    """What the function that answers for ``table`` is called (told.py)."""
    return f"nzip.told.{table}"


def answered(module, tables: Tables):
    """A module that asks what it is told of ``tables``, with these in it; the given one is used up."""
    # A definition that is linked in gives way to what is there, unless that is only declared.
    answers = llvm.parse_assembly(_answers(tables))
    answers.triple, answers.data_layout = module.triple, module.data_layout
    answers.link_in(module)
    for number in range(len(tables)):
        answers.get_function(told_symbol(number)).linkage = "internal"
    return answers


def _answers(tables: Tables) -> str:
    """LLVM's assembly of functions that answer from ``tables``."""
    lines = []
    for number, table in enumerate(tables):
        values = table or (0,)
        kind = f"[{len(values)} x i64]"
        written = ", ".join(f"i64 {value}" for value in values)
        lines.append(
            f'@"nzip.table.{number}" = private unnamed_addr constant {kind} [{written}]\n'
            f'define i64 @"{told_symbol(number)}"(i64 %place, i64 %value) alwaysinline {{\n'
            f'%at = getelementptr {kind}, ptr @"nzip.table.{number}", i64 0, i64 %place\n'
            "%known = load i64, ptr %at\nret i64 %known\n}\n"
        )
    return "".join(lines)


def entry(said: dict[str, Any], code: bytes, symbol: str) -> list[bytes] | None:
    """What native.py loads: of an object file whose function ``symbol`` takes and gives what is ``said``, in
    parts; None where the code needs what native.py cannot give."""
    needs = image.undefined(code)
    if needs is None or any(
        name.startswith(("NRT_", "numba_")) and name not in NEVER_CALLED for name in needs
    ):
        return None
    objects = [code, _caller(symbol, said["takes"])]
    laid = image.laid_out(objects, CALL) if image.possible() else None
    if laid is None:
        said = {**said, "size": len(code), "needs": needs}
        content = objects
    else:
        said = {**said, "image": list(laid[1:])}
        content = [laid.content]
    return [json.dumps(said).encode() + b"\n", *content]


def _caller(symbol: str, takes: list) -> bytes:
    """The object file of ``CALL``: it calls ``symbol`` with the words that its argument points to."""
    lines, words = [], []
    for n, code in enumerate(["ptr", "ptr", *scalars(takes)]):
        kind = _LLVM[code]
        loaded = "i64" if kind[0] == "i" else kind
        lines.append(f"%a{n} = getelementptr i64, ptr %from, i64 {n}\n%l{n} = load {loaded}, ptr %a{n}\n")
        if kind != loaded:
            lines.append(f"%t{n} = trunc i64 %l{n} to {kind}\n")
        words.append((kind, f"%{'t' if kind != loaded else 'l'}{n}"))
    text = (
        f'declare i32 @"{symbol}"({", ".join(kind for kind, _ in words)})\n'
        f"define i32 @{CALL}(ptr %from) {{\n{''.join(lines)}"
        f'%status = call i32 @"{symbol}"({", ".join(f"{kind} {name}" for kind, name in words)})\n'
        "ret i32 %status\n}\n"
    )
    target = llvm.Target.from_default_triple().create_target_machine(jit=True)
    return target.emit_object(llvm.parse_assembly(text))
