"""Starts JAX, once, with a compilation cache, and says where networks are trained side by side.

XLA hardly uses a second core for products as small as these, so a lane of networks is trained on every core: a thread
each calls the same compiled program, and XLA's pool has one thread for each of them. Every door that uses JAX passes
through `places()`; importing caviar changes nothing global.

Measured on 2 cores, width 128: a program that may spread its products over the pool takes 8 % longer beside another,
and with four threads in the pool 60 % longer, because parts wander between the cores' caches. The bits are the same
with 1, 2, 4 and 8 threads and with 1, 2 and 4 XLA devices.
"""

import contextlib
import contextvars
import functools
import gc
import os
import threading
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, TypeVar

import jax

from caviar.files import cache_folder

T = TypeVar("T")
Device = Any
"""A `jax.Device`, which is no type for a checker."""

_CACHE_BYTES = 1 << 30

_MOST_MAPS = 30_000

_FOLDS_OF_A_LANE = range(3, 9)
"""Measured on digits with five folds: lists of 15 and 20 networks take 10 to 20 % less time in lanes of five."""


@functools.cache
def places() -> tuple[Device, ...]:
    """The device of every lane that is trained at a time: each GPU, or the CPU once per core.

    Starts JAX when called first.
    """
    _use_compilation_cache()
    with _threads_of_the_pool(usable_cores()):
        devices = jax.local_devices()
    if devices[0].platform != "cpu":
        return tuple(devices)
    return (devices[0],) * usable_cores()


_trained_on: contextvars.ContextVar[str | None] = contextvars.ContextVar("trained_on", default=None)


def platform() -> str:
    """Where networks are trained: "cpu", or the name of another kind of device."""
    return _trained_on.get() or places()[0].platform


@contextlib.contextmanager
def trained_on(platform: str) -> Iterator[None]:
    """Lanes that are planned inside are for this platform, which need not be that of this process."""
    token = _trained_on.set(platform)
    try:
        yield
    finally:
        _trained_on.reset(token)


@contextlib.contextmanager
def _threads_of_the_pool(threads: int) -> Iterator[None]:
    """XLA's pool has so many threads when it starts inside: it would count the cores, whatever the container grants."""
    if "NPROC" in os.environ:
        yield
        return
    os.environ["NPROC"] = str(threads)
    try:
        yield
    finally:
        del os.environ["NPROC"]


def make_room_for_programs() -> None:
    """Let compiled programs go before their maps of memory reach what Linux grants a process; they are in the cache.

    A program of a lane takes about 300 maps (measured). At `vm.max_map_count`, 65,530 by default, which some 200
    programs reach, XLA ends the process with a segmentation fault.
    """
    maps = Path("/proc/self/maps")
    if maps.exists() and maps.read_bytes().count(b"\n") > _MOST_MAPS:
        jax.clear_caches()
        gc.collect()


def once(function: Callable[..., T]) -> Callable[..., T]:
    """`functools.cache` for several threads: who asks for what another one is making waits for it."""
    cached, turn = functools.cache(function), threading.Lock()

    @functools.wraps(function)
    def call(*arguments: Any) -> T:
        with turn:
            return cached(*arguments)

    vars(call).update(cache_clear=cached.cache_clear, cache_info=cached.cache_info)
    return call


def compiled(function: Callable[..., T], *, donate: tuple[int, ...] = ()) -> Callable[..., T]:
    """A function compiled for one device, to be called by several threads: it is compiled once.

    Products are of float32 unless the function says otherwise: on a GPU, JAX would round their factors without a word.

    Args:
        function: of arrays.
        donate: numbers of the arguments that are used up.
    """

    def exact(*arguments: Any) -> T:
        with jax.default_matmul_precision("highest"):
            return function(*arguments)

    on_cpu = places()[0].platform == "cpu"
    options = {"xla_cpu_multi_thread_eigen": False} if on_cpu else None
    program = jax.jit(exact, donate_argnums=donate, compiler_options=options)
    turn = threading.Lock()

    def call(*arguments: Any) -> T:
        with turn:  # held while it compiles; a call returns before it is computed
            return program(*arguments)

    return call


def lane_size(products_per_row: int, folds: int = 0) -> int:
    """Networks that a device trains at a time, by the cost of one network alone, so that none notices its neighbours.

    As few as reach full speed: places that a list does not fill are filled with copies, and weights and optimiser
    state should stay in a core's cache. Measured on 2 cores with two hidden layers and mini-batches of 64, as
    microseconds per network and step at 1, 2, 4 and 8 networks a device: width 32: 21, 13, 10, 9; 64: 39, 25, 20, 20;
    128: 72, 58, 52, 55; 256: 202, 216, 216, 206; 512: 654, 762, 722, 765.

    The networks of one config's folds fill a lane of their own where it would hold about as many.

    Args:
        products_per_row: multiplications of one forward pass of one network for one row.
        folds: into which the rows are dealt; 0 where they are not.
    """
    if platform() != "cpu":
        return 64
    if folds in _FOLDS_OF_A_LANE and products_per_row <= 1 << 16:
        return folds
    if products_per_row <= 1 << 12:
        return 8
    if products_per_row <= 1 << 14:
        return 4
    if products_per_row <= 1 << 16:
        return 2
    return 1


def usable_cores() -> int:
    """Cores this process may use: by affinity and by the container's quota, at least 1."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    quota = _cgroup_quota()
    return max(1, min(cores, int(quota) if quota else cores))


def _cgroup_quota() -> float | None:
    """Cores granted by the Linux control group, or None."""
    try:
        quota, period = Path("/sys/fs/cgroup/cpu.max").read_text().split()[:2]
        return None if quota == "max" else int(quota) / int(period)
    except (OSError, ValueError):
        pass
    try:
        base = Path("/sys/fs/cgroup/cpu")
        quota_us = int((base / "cpu.cfs_quota_us").read_text())
        return None if quota_us <= 0 else quota_us / int((base / "cpu.cfs_period_us").read_text())
    except (OSError, ValueError, ZeroDivisionError):
        return None


def _use_compilation_cache() -> None:
    """Keep compiled programs between runs, 1 GB at most, unless the user has a cache of their own."""
    settings = jax.config.values
    if settings["jax_compilation_cache_dir"] or not settings["jax_enable_compilation_cache"]:
        return
    folder = cache_folder() / "compiled"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        (folder / ".writable").touch()
    except OSError as error:
        warnings.warn(
            f"Compiled programs are not kept between runs: {folder} must be a folder that can be written ({error}). "
            "Set JAX_COMPILATION_CACHE_DIR to another one.",
            stacklevel=2,
        )
        return
    jax.config.update("jax_compilation_cache_dir", str(folder))
    jax.config.update("jax_compilation_cache_max_size", _CACHE_BYTES)
    jax.config.update("jax_persistent_cache_min_compile_time_secs", 0.0)
    jax.config.update("jax_persistent_cache_min_entry_size_bytes", -1)
