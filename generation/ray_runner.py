"""Spreads the shards of a run over a Ray cluster's workers.

The same ledgers come out as without Ray.

Each worker is an actor with an engine of its own, which it keeps from shard to shard. A worker that
dies loses nothing but what it was asking: its shard goes to another, which reads the ledger and
goes on. The run's folder must be on a file system that all machines see.
"""

import collections
import dataclasses
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from generation import foreground, run
from generation.progress import Progress
from generation.run_folder import RunFolder
from generation.teachers import factory

# A shard whose workers die this often is taken to kill them.
MAX_DEATHS = 5
LOOK_SECONDS = 1.0


@dataclasses.dataclass(frozen=True)
class Cluster:
    """How work is spread.

    Attributes:
        workers: Engines at a time.
        shards: Number of shards; more than workers, so that a dead one's work is spread.
        gpus: Of each worker; fractions share one.
        cpus: Of each worker.
        address: Of the cluster; None for the one that the environment names, else a local one.
    """

    workers: int = 2
    shards: int = 8
    gpus: float = 0
    cpus: float = 1
    address: str | None = None


class Worker:
    """One engine, and the shards that it is given. Ray makes an actor of it."""

    def __init__(self, choice: factory.Choice, folder: str) -> None:
        self.teacher = factory.make(choice, Path(folder))
        self.folder = RunFolder(Path(folder))
        self._looked, self._reason = 0.0, ""

    def run(self, options: run.Options) -> Progress:
        """Answers one shard, or what can be of it until the run should stop."""
        return run.generate(options, self.teacher, self._stop)

    def _stop(self) -> str:
        # The file may be on a slow file system, and this is asked for each request.
        if time.monotonic() - self._looked > LOOK_SECONDS:
            self._looked, self._reason = time.monotonic(), self.folder.stop_reason()
        return self._reason


def generate(choice: factory.Choice, options: run.Options, cluster: Cluster) -> Progress:
    """Runs all shards over the cluster.

    Args:
        choice: Who answers; each worker builds its own teacher from it, and reads the API key from
            its own environment.
        options: What to do; its shard is replaced.
        cluster: Where.

    Returns:
        The sum of the shards' counts.

    Raises:
        ValueError: Ray is not installed, a shard's input is bad, or a shard kills its workers.
    """
    try:
        import ray
    except ImportError:
        raise ValueError("--runner ray needs Ray; run: pip install ray") from None
    absolute = dataclasses.replace(
        options,
        reviews=options.reviews.absolute(),
        folder=options.folder.absolute(),
        shards=cluster.shards,
        shard=0,
    )
    # Fail here rather than in every worker.
    run.survey(absolute, Progress())
    factory.make(choice, absolute.folder).close()
    started = not ray.is_initialized()
    if started:
        ray.init(
            address=cluster.address,
            log_to_driver=False,
            configure_logging=False,
            include_dashboard=False,
        )
    try:
        with foreground.interruptible() as stop:
            return _Driver(ray, choice, absolute, cluster).drive(stop)
    finally:
        if started:
            ray.shutdown()


class _Driver:
    """Gives shards to workers until all are done."""

    def __init__(
        self, ray: Any, choice: factory.Choice, options: run.Options, cluster: Cluster
    ) -> None:
        self.ray, self.choice, self.options, self.cluster = ray, choice, options, cluster
        self.todo = collections.deque(range(cluster.shards))
        self.deaths: collections.Counter[int] = collections.Counter()
        self.results: dict[int, Progress] = {}
        self.busy: dict[Any, tuple[Any, int]] = {}
        self.folder = RunFolder(options.folder)
        self.stopped = ""

    def drive(self, stop: Callable[[], str]) -> Progress:
        self.folder.forget_stop()
        for _ in range(min(self.cluster.workers, self.cluster.shards)):
            self._give(self._hire())
        while self.busy:
            ready, _ = self.ray.wait(list(self.busy), num_returns=1, timeout=LOOK_SECONDS)
            if not self.stopped and (reason := stop()):
                self.stopped = reason
                self.todo.clear()
                self.folder.ask_to_stop(reason)
            if not ready:
                continue
            worker, shard = self.busy.pop(ready[0])
            try:
                self.results[shard] = self.ray.get(ready[0])
            except self.ray.exceptions.RayActorError:
                self.deaths[shard] += 1
                if self.deaths[shard] >= MAX_DEATHS:
                    raise ValueError(
                        f"{MAX_DEATHS} workers died on shard {shard}; see Ray's logs"
                    ) from None
                self.todo.append(shard)
                worker = self._hire()
            except self.ray.exceptions.RayTaskError as error:
                raise error.as_instanceof_cause() from None
            self._give(worker)
        whole = Progress()
        for shard in sorted(self.results):
            whole.add(self.results[shard])
        if self.stopped:
            whole.stop(self.stopped)
        self.folder.forget_stop()
        return whole

    def _hire(self) -> Any:
        actor = self.ray.remote(num_cpus=self.cluster.cpus, num_gpus=self.cluster.gpus)(Worker)
        return actor.remote(self.choice, str(self.options.folder))

    def _give(self, worker: Any) -> None:
        if self.todo:
            shard = self.todo.popleft()
            self.busy[worker.run.remote(dataclasses.replace(self.options, shard=shard))] = (
                worker,
                shard,
            )
