"""The peer: a plain PyTorch loop around Hugging Face's T5, as the paper's code runs it.

Batches of 20 examples padded to their longest, five of them accumulated into one update of
RMS-scaled AdamW, optionally under bfloat16 autocast.
"""

import time
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import torch
import transformers

Pair = tuple[np.ndarray, np.ndarray]
IGNORED = -100  # label of a position without loss


def small_config(**changes: Any) -> transformers.T5Config:
    """T5 1.0 small without dropout."""
    sizes = {"vocab_size": 32128, "d_model": 512, "d_kv": 64, "d_ff": 2048, "num_heads": 8}
    layers = {"num_layers": 6, "num_decoder_layers": 6, "dropout_rate": 0.0}
    tokens = {"decoder_start_token_id": 0, "pad_token_id": 0, "eos_token_id": 1}
    return transformers.T5Config(**{**sizes, **layers, **tokens, **changes})


class RmsScaledAdamW(torch.optim.Optimizer):
    """AdamW whose step on a tensor is scaled by the tensor's root mean square.

    Args:
        parameters: What to train.
        lr: Learning rate.
    """

    def __init__(self, parameters: Any, lr: float):
        super().__init__(parameters, {"lr": lr, "betas": (0.9, 0.999), "eps": 1e-6})

    @torch.no_grad()
    def step(self, closure: Any = None) -> None:  # type: ignore[override]
        """Makes one update from the gradients."""
        for group in self.param_groups:
            beta1, beta2 = group["betas"]
            for p in group["params"]:
                state = self.state[p]
                if not state:
                    state |= {"t": 0, "m": torch.zeros_like(p), "v": torch.zeros_like(p)}
                state["t"] += 1
                state["m"].lerp_(p.grad, 1 - beta1)
                state["v"].mul_(beta2).addcmul_(p.grad, p.grad, value=1 - beta2)
                correction = (1 - beta2 ** state["t"]) ** 0.5 / (1 - beta1 ** state["t"])
                rms = max(1e-3, float(p.norm()) / p.numel() ** 0.5)
                denominator = state["v"].sqrt().add_(group["eps"])
                p.addcdiv_(state["m"], denominator, value=-group["lr"] * correction * rms)


def matmul_peak(dtype: torch.dtype, size: int = 1024) -> float:
    """Measures FLOP/s of a square matrix product, the best of three."""
    x = torch.ones(size, size, dtype=dtype)
    best = float("inf")
    for _ in range(3):
        start = time.perf_counter()
        x @ x
        best = min(best, time.perf_counter() - start)
    return 2 * size**3 / best


def collate(pairs: Sequence[Pair]) -> dict[str, torch.Tensor]:
    """Pads a batch to its longest input and its longest target."""
    inputs, targets = (
        np.full((len(pairs), max(len(pair[side]) for pair in pairs)), fill, np.int64)
        for side, fill in ((0, 0), (1, IGNORED))
    )
    for row, (source, goal) in enumerate(pairs):
        inputs[row, : len(source)] = source
        targets[row, : len(goal)] = goal
    tokens = torch.from_numpy(inputs)
    return {"input_ids": tokens, "attention_mask": tokens > 0, "labels": torch.from_numpy(targets)}


def updates(
    pairs: Sequence[Pair], batch: int, accumulation: int, seed: int
) -> Iterator[list[list[Pair]]]:
    """Yields the batches of one update after the other, in a new order each epoch."""
    rng = np.random.default_rng(seed)
    while True:
        order = rng.permutation(len(pairs))
        size = batch * accumulation
        for start in range(0, max(1, len(order) - size + 1), size):
            chosen = [pairs[i] for i in order[start : start + size]]
            yield [chosen[i : i + batch] for i in range(0, len(chosen), batch)]


class Trainer:
    """The training loop, one update at a time.

    Args:
        config: Of the model, which starts at random.
        bfloat16: Whether to run under autocast.
    """

    def __init__(self, config: transformers.T5Config, bfloat16: bool):
        torch.manual_seed(0)
        self.model = transformers.T5ForConditionalGeneration(config).train()
        self.optimizer = RmsScaledAdamW(self.model.parameters(), lr=3e-3)
        self.dtype = torch.bfloat16 if bfloat16 else torch.float32
        self._autocast = torch.autocast("cpu", torch.bfloat16, enabled=bfloat16)

    def update(self, batches: Sequence[Sequence[Pair]]) -> float:
        """Makes one update; returns the mean loss of its batches."""
        total = 0.0
        for pairs in batches:
            with self._autocast:
                loss = self.model(**collate(pairs)).loss / len(batches)
            loss.backward()
            total += loss.item()
        torch.nn.utils.clip_grad_norm_(self.model.parameters(), 1.0)
        self.optimizer.step()
        self.optimizer.zero_grad(set_to_none=True)
        return total
