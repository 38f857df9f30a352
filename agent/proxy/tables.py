"""One writer's share of the kernel's tables, kept equal to the ruleset that was given last.

Contract: `write` sends what changed since the last known state, in one transaction; the whole ruleset at the start and
after `forget`.  Chains of the share that no ruleset names are deleted then; what others wrote is left alone.
"""

from __future__ import annotations

from dataclasses import dataclass

from agent.proxy.kernel import Kernel, KernelError
from agent.proxy.restoring import Ruleset, Share, parse_save, render, render_change


@dataclass
class Tables:
    kernel: Kernel
    share: Share
    _known: Ruleset | None = None

    def forget(self) -> None:
        """The kernel may hold something else than was written."""
        self._known = None

    async def write(self, wanted: Ruleset) -> None:
        """KernelError when the kernel refuses; then nothing is known of it any more."""
        if self._known is None:
            stale, missing = parse_save(await self.kernel.save(self.share.tables), self.share)
            text = render(wanted, missing, stale)
        else:
            text = render_change(self._known, wanted)
        try:
            if text:
                await self.kernel.restore(text)
        except KernelError:
            self.forget()
            raise
        self._known = wanted

    async def refused(self, part: Ruleset) -> str:
        """What the kernel would say against these rules alone; empty when it would take them.  Nothing is changed."""
        try:
            await self.kernel.restore(render(part), test=True)
        except KernelError as error:
            return str(error)
        return ""

    async def lost(self) -> bool:
        """Whether the kernel lacks one of our chains, rules or jumps."""
        if self._known is None:
            return True
        chains, missing = parse_save(await self.kernel.save(self.share.tables), self.share)
        return bool(missing) or any(
            len(chains.get(table, {}).get(name, ())) != len(rules) or name not in chains.get(table, {})
            for table, known in self._known.items()
            for name, rules in known.items()
        )
