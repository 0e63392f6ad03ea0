"""Machine code that several kernels share: compiled once, called at its address.

The gradient is longer than all that stands around it, and inlined into a kernel it is optimised once more. The
Langevin kernel has it inside, for a step of one chain of a small network takes no longer than a call with so many
arguments; what does more at each step calls it. Linked by name its last bits could differ between the process that
compiles and one that loads (`numba_options`): at its address there is one copy, the one on disk.
"""

from __future__ import annotations

from typing import Any

from numba import types
from numba.core import cgutils
from numba.core.errors import TypingError


def address(function: Any, signature: tuple[Any, ...]) -> int:
    """Where the machine code of `function` for arguments of these types begins; compiled, or loaded from disk."""
    function.compile(signature)
    compiled = function.overloads[signature]
    return int(compiled.library.get_pointer_to_function(compiled.fndesc.llvm_func_name))


def call(signature: tuple[Any, ...], given: tuple[Any, ...]) -> tuple[Any, Any]:
    """The instructions of a call f(address, *arguments) without a result, for a `generated` function.

    Raises numba's `TypingError` unless the arguments have the types of the signature: nothing else would notice.
    """
    if given != signature:
        raise TypingError(f"shared code takes {signature}; got {given}")

    library: Any = cgutils

    def generate(context: Any, builder: Any, _: Any, arguments: Any) -> Any:
        convention = context.call_conv
        kind = convention.get_function_type(types.none, signature).as_pointer()
        code = builder.inttoptr(arguments[0], kind)
        status, _ = convention.call_function(builder, code, types.none, signature, arguments[1:])
        with library.if_unlikely(builder, status.is_error):
            convention.return_status_propagate(builder, status)
        return context.get_dummy_value()

    return types.none(types.intp, *signature), generate
