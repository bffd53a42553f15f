"""Finishing what dead processes left."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterable
from typing import Any

from . import _convert, _native
from ._reading import Journal, Place


class Outcome(dict[str, Any]):
    """What became of one journal; its items are attributes too.

    `verdict`: shipped (all is in its store, or packed where there is none), live (its writer, or
    another recovery, holds the lock), foreign (another user's, left alone), waiting or failed, and
    then `message` says why and what to do. Also `journal`, `records_kept`, `records_damaged`, `records_dropped`, `packs_shipped`,
    `bytes_shipped`.
    """

    def __getattr__(self, name: str) -> Any:
        try:
            return self[name]
        except KeyError:
            raise AttributeError(name) from None


def _outcome(fields: dict[str, Any]) -> Outcome:
    return Outcome({**fields, "journal": Journal(fields["journal"])})


def recover(root: Place, *, store: str | None = None, runs: str | Iterable[str] = (),
            dry_run: bool = False, timeout: Any = None,
            on_outcome: Callable[[Outcome], Any] | None = None,
            on_progress: Callable[[dict[str, Any]], Any] | None = None,
            on_wait: Callable[[str], Any] | None = None, **options: Any) -> list[Outcome]:
    """Packs and ships every journal under `root` whose process is gone.

    `store` replaces the journals' own; `runs` are globs over run ids; `timeout` is for all shipping
    together: seconds, "10m" or a timedelta. `options` are those of RecoverOptions in
    runlog/recover.hpp. The recovery waits for the functions; an exception in one, and ^C, stop it
    when it has finished its present step. All may be repeated.

    Raises runlog.Error where `root` cannot be read. One bad journal does not stop the others.
    """
    given = {"store": store, "dry_run": dry_run, "timeout": timeout, **options}
    settings = _convert.settings(given.items())
    settings += [("run", _convert.setting(glob))
                 for glob in ([runs] if isinstance(runs, str) else runs)]
    hooks: list[Callable[[Any], Any] | None] = [on_outcome, on_progress, on_wait]
    stop = _native.make_stop()
    results: list[Any] = []

    def work() -> None:
        try:
            results.append(_native.recover(os.fsencode(root), settings, stop,
                                           *(hook is not None for hook in hooks)))
        except BaseException as error:
            results.append(error)
        finally:
            stop.end()

    # In a thread of its own, so that a signal reaches this one, which calls the functions.
    thread = threading.Thread(target=work, name="runlog.recover")
    thread.start()
    try:
        while (told := stop.next()) is not None:
            kind, what = told
            hook = hooks[kind]
            assert hook is not None
            hook(_outcome(what) if kind == 0 else what)
    except BaseException:
        stop.request()
        raise
    finally:
        thread.join()
    if isinstance(results[0], BaseException):
        raise results[0]
    return [_outcome(fields) for fields in results[0]]


def clean(root: Place, *, store: str | None = None, dry_run: bool = False,
          any_owner: bool = False) -> list[dict[str, Any]]:
    """Removes local copies of what a store has, each of which is first read back and compared.

    Journals of other users are left alone, but with `any_owner`. Returns the files: `path`, `bytes`,
    `removed`, and `why_kept`. Raises runlog.Error.
    """
    given = {"store": store, "dry_run": dry_run, "any_owner": any_owner}
    settings = _convert.settings(given.items())
    return _native.clean(os.fsencode(root), settings)
