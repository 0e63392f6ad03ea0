"""The order in which signals that a file defines in any order can be built: sources first, and no cycles."""

from __future__ import annotations

from collections.abc import Mapping, Sequence


def definition_order(sources: Mapping[int, Sequence[int]]) -> tuple[list[int], int | None]:
    """The defined signals so that each stands after its sources, by depth-first search without recursion.

    Args:
        sources: what each defined signal reads; a signal that is no key is given and has no place in the order.

    Returns:
        The order and None; or, if there is a cycle, what is ordered until then and a signal that depends on itself.
    """
    order: list[int] = []
    done: dict[int, bool] = {}
    for start in sources:
        stack = [start]
        while stack:
            target = stack[-1]
            if done.get(target, False):
                stack.pop()
                continue
            missing = [source for source in sources[target] if source in sources and not done.get(source, False)]
            if not missing:
                done[target] = True
                order.append(target)
                stack.pop()
            elif target in done:
                # Its sources were put on top of it before: one that is still missing waits for it.
                return order, target
            else:
                done[target] = False
                stack += missing
    return order, None
