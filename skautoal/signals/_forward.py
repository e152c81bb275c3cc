"""One forward pass of an array through the nets, for all signals that are wanted."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from functools import partial
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from .._utils._rng import derive_seed, isolated_rng
from ..data._base import cut
from ..exceptions import MissingSignalError
from ..nets import _net
from ..nets._layers import captured_input, first_output
from ..nets._mc_dropout import MCDropout, is_out_of_memory
from ._names import row_axis

if TYPE_CHECKING:
    from ._net_source import NetSource

_EQUAL_PASSES = (
    "MC dropout gives the same probabilities in every pass: the dropout modules of the net in"
    " 'estimator' do not reach its output. Put a torch.nn.Dropout before the last linear layer, or"
    " remove the strategies that need 'mc_probabilities' from 'strategies'."
)


@contextmanager
def forward_pass(source: NetSource, names: set[str]) -> Iterator[ForwardPass]:
    """Prepare the nets of a source for a pass, and restore them after it.

    The nets are in evaluation mode, the random generators are isolated, and the input of
    the embedding layer is captured.
    """
    others = source.other_nets(names)
    with ExitStack() as stack:
        module = stack.enter_context(_net.evaluation_mode(source.net))
        for net in (net for nets in others.values() for net in nets):
            stack.enter_context(_net.evaluation_mode(net))
        # The loader of a dataset may draw random numbers, even in evaluation mode.
        stack.enter_context(isolated_rng(derive_seed(source.seed, "loader"), source.device))
        layer = source.layout.embedding_layer if "embeddings" in names else None
        seen = stack.enter_context(captured_input(module, layer))
        dropout = None
        if "mc_probabilities" in names:
            dropout = MCDropout(module, source.n_passes, derive_seed(source.seed, "mc"))
        yield ForwardPass(source, others, seen, dropout)


class ForwardPass:
    """Computes the signals of one chunk of samples after another.

    Parameters
    ----------
    source : NetSource
        Source with the net.
    others : dict of str to list of skorch classifier
        Other nets, by the signal that consists of their probabilities.
    seen : list of Tensor
        Receives the input of the embedding layer at each forward pass; stays empty if
        embeddings are not wanted.
    dropout : MCDropout or None
        Dropout masks of the MC passes, if these are wanted.

    """

    def __init__(
        self,
        source: NetSource,
        others: dict[str, list],
        seen: list[Tensor],
        dropout: MCDropout | None,
    ):
        self.source, self.net = source, source.net
        self.others, self.seen, self.dropout = others, seen, dropout
        self.passes_differ = False

    @torch.no_grad()
    def __call__(self, x: Any, size: int) -> dict[str, Tensor]:
        """Compute the signals of a chunk, in smaller pieces if memory runs out."""
        source = self.source
        while True:
            step = max(1, min(size, source.max_rows or size))
            try:
                arrays = self._in_pieces(x, size, step)
                break
            except (MemoryError, RuntimeError) as exc:
                if step == 1 or not is_out_of_memory(exc):
                    raise
            # Outside the except block, so that the tensors in the traceback are freed. The
            # source keeps the limit: later chunks are not tried whole again.
            source.max_rows = step // 2
        if self.dropout is not None and not self.passes_differ:
            passes = arrays["mc_probabilities"]
            self.passes_differ = not bool((passes[:1] == passes).all())
        return arrays

    def check_dropout(self, x: Any) -> None:
        """Raise an error if MC dropout changed nothing in the whole pass.

        ``x`` is any chunk. Few passes with a low dropout rate can be equal by chance, so
        the output without dropout is compared with the output of dropping everything.
        """
        if self.dropout is None or self.passes_differ or self.source.n_passes == 1:
            return
        x = cut(x, slice(self.source.max_rows))
        with torch.no_grad():
            reached = self.dropout.reaches(lambda: first_output(self.net.infer(x)))
        if not reached:
            raise MissingSignalError(_EQUAL_PASSES)

    def _in_pieces(self, x: Any, size: int, step: int) -> dict[str, Tensor]:
        """Compute the signals of a chunk in pieces of ``step`` rows."""
        if step >= size:
            return self._of_chunk(x, size)
        slices = [slice(start, min(start + step, size)) for start in range(0, size, step)]
        parts = [self._of_chunk(cut(x, rows), rows.stop - rows.start) for rows in slices]
        return {
            name: torch.cat([part[name] for part in parts], dim=row_axis(name)) for name in parts[0]
        }

    def _of_chunk(self, x: Any, size: int) -> dict[str, Tensor]:
        """Compute the signals of all nets for a chunk."""
        arrays = self._of_net(x, size)
        for name, nets in self.others.items():
            P = [_net.to_probabilities(net, first_output(net.infer(x)))[1] for net in nets]
            arrays[name] = torch.stack(P) if row_axis(name) else P[0]
        return arrays

    def _of_net(self, x: Any, size: int) -> dict[str, Tensor]:
        """Compute the signals of the task net, all in one call of the module."""
        forward = partial(self._outputs, x)
        if self.dropout is None:
            outputs = forward()
        else:
            outputs, (raw, *_) = self.dropout.run(forward, size)
        logits, P = _net.to_probabilities(self.net, outputs[0])
        parts = {"logits": logits, "probabilities": P}
        if len(outputs) > 1:
            parts["embeddings"] = outputs[1][:size]
        if self.dropout is not None:
            flat = _net.to_probabilities(self.net, raw.flatten(0, 1))[1]
            parts["mc_probabilities"] = flat.unflatten(0, (self.source.n_passes, size))
        return parts

    def _outputs(self, x: Any) -> tuple[Tensor, ...]:
        """Run the module; return its output and, if captured, the embeddings."""
        self.seen.clear()
        out = first_output(self.net.infer(x))
        return (out, self.seen[-1]) if self.seen else (out,)
