"""The ``vllm`` teacher: vLLM's offline engine in this process, fed continuously.

Requests go in as others come out, so that the engine never runs dry at the end of a chunk, and each
answer is in the ledger as soon as it is there.
"""

import dataclasses
import os
from collections.abc import Generator, Iterable, Iterator
from typing import Any

from generation.teachers.base import Answer, Request, Spec
from generation.teachers.presets import seed_of


@dataclasses.dataclass(frozen=True)
class Engine:
    """How the engine is set up.

    Attributes:
        tensor_parallel: GPUs that share each layer.
        pipeline_parallel: Groups of GPUs that share the layers.
        window: Most requests inside the engine at a time.
        quantization: vLLM's name of a scheme, or None to follow the model's own config.
        dtype: Such as ``auto``, ``bfloat16``, ``float32``.
        max_model_len: Tokens of prompt and answer together, or None for the model's own.
        gpu_memory: Share of the GPU's memory to use.
        enforce_eager: Without compiled graphs: starts faster, runs slower.
    """

    tensor_parallel: int = 1
    pipeline_parallel: int = 1
    window: int = 512
    quantization: str | None = None
    dtype: str = "auto"
    max_model_len: int | None = None
    gpu_memory: float = 0.9
    enforce_eager: bool = False


@dataclasses.dataclass(frozen=True)
class Asked:
    """What the engine is given.

    Attributes:
        name: Told in errors and logs; may come again.
        about: Whose it is.
        tokens: Of the prompt.
        sampling: vLLM's sampling parameters.
    """

    name: str
    about: Any
    tokens: list[int]
    sampling: Any


class VLLMTeacher:
    """Runs a model of the hub, or of a local folder, with vLLM.

    Prefix caching is on, since prompts share their front.
    """

    price = None

    def __init__(self, spec: Spec, engine: Engine) -> None:
        self.spec, self.engine = spec, engine
        self._llm: Any = None

    def check(self) -> None:
        """Loads the model.

        Raises:
            ValueError: vLLM is not installed, or cannot load the model.
        """
        if self._llm is not None:
            return
        # The engine's statistics would otherwise be sent to its makers.
        os.environ.setdefault("VLLM_NO_USAGE_STATS", "1")
        try:
            import vllm
        except ImportError as error:
            raise ValueError(
                f"the vllm backend needs vLLM ({error}); run: pip install vllm, or see "
                "docs/how_to/install.md for a box with GPUs"
            ) from None
        try:
            self._llm = vllm.LLM(
                model=self.spec.model,
                revision=None if os.path.isdir(self.spec.model) else self.spec.revision or None,
                tensor_parallel_size=self.engine.tensor_parallel,
                pipeline_parallel_size=self.engine.pipeline_parallel,
                quantization=self.engine.quantization,
                dtype=self.engine.dtype,
                max_model_len=self.engine.max_model_len,
                gpu_memory_utilization=self.engine.gpu_memory,
                enforce_eager=self.engine.enforce_eager,
                enable_prefix_caching=True,
                seed=0,
            )
        except (OSError, ValueError, RuntimeError) as error:
            raise ValueError(
                f"vLLM cannot load {self.spec.model!r}: {' '.join(str(error).split())[:300]}; "
                "check --model, --revision "
                "and the engine's flags"
            ) from None

    def answers(self, requests: Iterable[Request]) -> Generator[Answer, None, None]:
        """Yields answers as the engine finishes them."""
        asked = (Asked(r.key, r, self._tokens(r), self._sampling(r)) for r in requests)
        for one, output in self.outputs(asked):
            if output is None:
                yield Answer(one.about, None, f"too_long: {len(one.tokens)} tokens", attempts=1)
            else:
                yield _answer(one.about, output)

    def outputs(self, source: Iterator[Asked]) -> Iterator[tuple[Asked, Any]]:
        """Yields what was asked with the engine's output; None for one that it has no room for.

        As many are inside the engine at a time as its window holds.
        """
        engine, room = self._llm.llm_engine, self._llm.model_config.max_model_len
        inside: dict[str, Asked] = {}
        drawn = 0
        more = True
        while more or inside:
            while more and len(inside) < self.engine.window:
                if (asked := next(source, None)) is None:
                    more = False
                    break
                if len(asked.tokens) >= room:
                    yield asked, None
                    continue
                # Keys may come again after a failure, names inside the engine must not.
                name, drawn = f"{drawn}-{asked.name}", drawn + 1
                engine.add_request(name, {"prompt_token_ids": asked.tokens}, asked.sampling)
                inside[name] = asked
            if inside:
                for output in engine.step():
                    if output.finished and (asked := _take(inside, output.request_id)) is not None:
                        yield asked, output

    def tokenizer(self) -> Any:
        """Returns the model's tokenizer, once it is loaded."""
        return self._llm.get_tokenizer()

    def _tokens(self, request: Request) -> list[int]:
        """Renders the chat template; a base model without one gets the text as it is."""
        tokenizer = self.tokenizer()
        if getattr(tokenizer, "chat_template", None) is None:
            return list(tokenizer.encode("\n\n".join(m["content"] for m in request.messages)))
        rendered = tokenizer.apply_chat_template(
            request.messages, add_generation_prompt=True, tokenize=False
        )
        return list(tokenizer.encode(rendered, add_special_tokens=False))

    def _sampling(self, request: Request) -> Any:
        from vllm.sampling_params import SamplingParams, StructuredOutputsParams

        values = {name: value for name, value in self.spec.sampling.items() if name != "version"}
        if values.get("seed") == "by key":
            values["seed"] = seed_of(request.key)
        if "response_format" in values:
            schema = values.pop("response_format")["json_schema"]["schema"]
            values["structured_outputs"] = StructuredOutputsParams(json=schema)
        return SamplingParams(**values)

    def close(self) -> None:
        """Ends the engine's processes and gives its memory back."""
        if self._llm is not None:
            core = getattr(self._llm.llm_engine, "engine_core", None)
            if core is not None:
                core.shutdown()
            self._llm = None


def _take(inside: dict[str, Asked], name: str) -> Asked | None:
    # Some releases put a suffix of their own behind the name.
    if name in inside:
        return inside.pop(name)
    full = next((known for known in inside if name.startswith(known)), None)
    return inside.pop(full) if full else None


def _answer(request: Request, output: Any) -> Answer:
    best = output.outputs[0]
    usage = {
        "prompt_tokens": len(output.prompt_token_ids or ()),
        "completion_tokens": len(best.token_ids),
    }
    return Answer(request, best.text, "", best.finish_reason, 1, usage)
