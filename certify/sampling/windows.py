"""Windows: views of a part of a flat array that cost nothing to make.

A slice clips its ends and counts a reference atomically, which for a network of a few neurons takes longer
than its arithmetic; an index computed as `start + i` may be negative for all the compiler knows, which
keeps a loop from vectorising. A window starts at its own 0 and borrows the memory, so the array it was
taken from must outlive it: kernels take windows only of arrays they were given or keep to their end.
"""

from __future__ import annotations

from typing import Any

from numba import types
from numba.np import arrayobj

from certify.sampling.numba_options import generated


@generated
def window(typing_context: Any, array: Any, start: Any, count: Any) -> Any:
    """Entries start, ..., start + count - 1 of a contiguous flat array, without a check of the bounds."""
    library: Any = arrayobj

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        whole = library.make_array(array)(context, builder, arguments[0])
        part = library.make_array(array)(context, builder)
        size = context.get_constant(types.intp, context.get_abi_sizeof(context.get_data_type(array.dtype)))
        library.populate_array(
            part,
            data=builder.gep(whole.data, [arguments[1]], inbounds=True),
            shape=[arguments[2]],
            strides=[size],
            itemsize=size,
            meminfo=None,
        )
        return part._getvalue()

    return array(array, types.intp, types.intp), generate
