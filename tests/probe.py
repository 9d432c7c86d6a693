"""What a program finds around itself, told by itself: to compare workers that were started in different ways."""

from __future__ import annotations

#: What a program can tell of itself. Per run differ only its ids and paths, which the test takes out.
PROBE = r"""
import atexit, faulthandler, fcntl, gc, locale, os, random, resource, signal, sys, threading, time, warnings
from pathlib import Path
import numpy

def stream(file):
    return {
        "type": type(file).__name__, "name": file.name, "mode": file.mode, "encoding": file.encoding,
        "errors": file.errors, "line_buffering": file.line_buffering, "write_through": file.write_through,
        "newlines": file.newlines, "fileno": file.fileno(), "isatty": file.isatty(),
        "is_original": file is getattr(sys, f"__{file.name.strip('<>')}__"),
    }

def descriptors():
    found = {}
    for name in os.listdir("/proc/self/fd"):
        try:
            number = int(name)
            found[number] = [os.readlink(f"/proc/self/fd/{name}"), fcntl.fcntl(number, fcntl.F_GETFL),
                             os.get_inheritable(number)]
        except OSError:  # the listing itself
            continue
    return found

def handler(number):
    value = signal.getsignal(number)
    return getattr(value, "__qualname__", None) or str(value)

def shown():
    lines = Path("/proc/self/environ").read_bytes().split(b"\0")
    return sorted(line.decode() for line in lines if line.startswith((b"MLP_RUN_ID=", b"MLP_ATTEMPT_ID=")))

def probe():
    numpy_state = numpy.random.get_state()
    numpy.ones((400, 400)) @ numpy.ones((400, 400))  # OpenBLAS ends its threads before a fork until they are needed
    return {
        "environment": dict(os.environ),
        "shown environment": shown(),
        "argv": sys.argv,
        "orig_argv": sys.orig_argv[:7],
        "path": sys.path,
        "project modules": sorted(
            name for name, module in sys.modules.items()
            if str(getattr(module, "__file__", None)).startswith(os.getcwd())
        ),
        "main": [sys.modules["__main__"].__spec__.name, sys.modules["__main__"].__file__,
                 sys.modules["__main__"].__name__],
        "name": __name__,
        "handlers": {number: handler(number) for number in sorted(signal.valid_signals())},
        "blocked signals": sorted(signal.pthread_sigmask(signal.SIG_BLOCK, [])),
        "wakeup": signal.set_wakeup_fd(-1),
        "timers": [signal.getitimer(which) for which in (signal.ITIMER_REAL, signal.ITIMER_PROF)],
        "cwd": os.getcwd(),
        "umask": [os.umask(0o77), os.umask(0o77)][0],
        "descriptors": descriptors(),
        "atexit": atexit._ncallbacks(),
        "locale": [locale.setlocale(locale.LC_ALL), locale.getpreferredencoding(), sys.getfilesystemencoding()],
        "random": str(random.getstate()),
        "numpy random": [str(numpy_state[0]), numpy_state[1].tolist(), *map(str, numpy_state[2:])],
        "threads": [[thread.name, thread.daemon] for thread in threading.enumerate()],
        "tasks": len(os.listdir("/proc/self/task")),
        "main thread": [threading.current_thread() is threading.main_thread(),
                        threading.get_native_id() == os.getpid()],
        "gc": [gc.isenabled(), gc.get_threshold(), gc.get_debug(), len(gc.callbacks), gc.garbage],
        "flags": str(sys.flags),
        "stdin": stream(sys.stdin), "stdout": stream(sys.stdout), "stderr": stream(sys.stderr),
        "leads": [os.getpgid(0) == os.getpid(), os.getsid(0) == os.getpid()],
        "faulthandler": faulthandler.is_enabled(),
        "warnings": [str(filter) for filter in warnings.filters],
        "warning options": sys.warnoptions,
        "hooks": [str(sys.excepthook), str(sys.displayhook), str(threading.excepthook), str(sys.gettrace())],
        "importers": [str(getattr(finder, "__name__", type(finder).__name__)) for finder in sys.meta_path],
        "limits": [sys.getrecursionlimit(), sys.getswitchinterval(), sys.get_int_max_str_digits(), os.nice(0)],
        "resources": [resource.getrlimit(which) for which in range(16)],
        "ignores what follows a fork": os.waitstatus_to_exitcode(os.waitpid(forked(), 0)[1]),
        "is a subreaper": is_subreaper(),
        "children": Path(f"/proc/self/task/{os.getpid()}/children").read_text().split(),
        "time zone": time.tzname,
    }

def forked():
    pid = os.fork()
    if pid == 0:
        os._exit(signal.getsignal(signal.SIGTERM) is signal.SIG_DFL)
    return pid

def is_subreaper():
    import ctypes
    value = ctypes.c_int()
    ctypes.CDLL(None).prctl(37, ctypes.byref(value))
    return value.value
"""
