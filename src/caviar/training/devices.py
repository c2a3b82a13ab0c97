"""Starts JAX, once: one XLA device per core, spread under the axis `networks`, and a compilation cache.

XLA hardly uses a second core for products as small as these, so the networks of a population are spread
over one XLA CPU device per core. Every door that uses JAX passes through `mesh()`; importing caviar
changes nothing global. Where the user's own program has started JAX before, its devices are used as
they are: the same networks, other last bits.
"""

import contextlib
import functools
import os
import sys
import warnings
from pathlib import Path

import jax
from jax.sharding import AxisType, Mesh

_CACHE_BYTES = 1 << 30

_FOLDS_OF_A_LANE = range(3, 9)
"""Measured on digits with five folds: lists of 15 and 20 networks take 10 to 20 % less time in lanes of five."""


@functools.cache
def mesh() -> Mesh:
    """The local devices as one axis `networks`; starts JAX at the first call."""
    # At least two devices, also on one core: a network's bits differ between one device and several.
    # Where JAX is running already, its devices are taken as they are.
    with contextlib.suppress(RuntimeError):
        jax.config.update("jax_num_cpu_devices", max(2, usable_cores()))
    _use_compilation_cache()
    devices = jax.local_devices()
    return jax.make_mesh((len(devices),), ("networks",), axis_types=(AxisType.Auto,), devices=devices)


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
    devices = mesh()  # before anything else of JAX: what starts it decides how many devices there are
    if devices.devices.flat[0].platform != "cpu":
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


def block_size(products_per_row: int) -> int:
    """Networks that all devices together train at a time."""
    return lane_size(products_per_row) * mesh().size


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


def cache_folder() -> Path:
    """The folder of the user's cache that belongs to caviar."""
    if sys.platform == "win32":
        base = Path(os.environ.get("LOCALAPPDATA", Path.home() / "AppData" / "Local"))
    elif sys.platform == "darwin":
        base = Path.home() / "Library" / "Caches"
    else:
        base = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    return base / "caviar"


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
