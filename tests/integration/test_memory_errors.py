"""Runs that are refused memory: what they say of it is what the failure is called, in whatever words they say it."""

from __future__ import annotations

import json
import sys

#: Takes memory piece by piece until there is no more, as little as that may be.
EAT = """
import resource
def eat():
    resource.setrlimit(resource.RLIMIT_AS, (1 << 30, 1 << 30))
    eaten = []
    while True:
        eaten.append(bytearray(1 << 26))
"""

SCRIPT = f"""
from mlpipeline import FunctionModel, Versions
{EAT}
def train(kind):
    if kind == "plain":
        eat()
    if kind == "raised again":
        try:
            eat()
        except MemoryError as error:
            raise ValueError("no batch") from error
    if kind == "torch":
        import torch
        raise torch.OutOfMemoryError("Allocation on device 0 would exceed allowed memory")
    if kind == "older torch":
        raise RuntimeError("CUDA out of memory. Tried to allocate 2.00 GiB (GPU 0)")
    if kind == "tensorflow":
        from tensorflow.python.framework.errors_impl import ResourceExhaustedError
        raise ResourceExhaustedError("OOM when allocating tensor with shape[64,64]")
    if kind == "jax":
        from jaxlib.xla_extension import XlaRuntimeError
        raise XlaRuntimeError("RESOURCE_EXHAUSTED: Out of memory while trying to allocate 9 bytes.")
    if kind == "another":
        raise RuntimeError("the memory of an elephant")

versions = Versions()
for kind in ("plain", "raised again", "torch", "older torch", "tensorflow", "jax", "another"):
    versions.add_version(kind, kind=kind)
MODEL = FunctionModel(train, versions)
"""

#: Frameworks as far as they are needed here.
FAKES = {
    "torch/__init__.py": "class OutOfMemoryError(RuntimeError): ...",
    "tensorflow/__init__.py": "",
    "tensorflow/python/__init__.py": "",
    "tensorflow/python/framework/__init__.py": "",
    "tensorflow/python/framework/errors_impl.py": "class ResourceExhaustedError(Exception): ...",
    "jaxlib/__init__.py": "",
    "jaxlib/xla_extension.py": "class XlaRuntimeError(RuntimeError): ...",
}

#: Each takes a word, which is nothing to it.
COMMANDS = {
    "python": f"{EAT}\neat()",
    "c_plus_plus": 'import os, sys; sys.stderr.write("what():  std::bad_alloc\\n"); sys.stderr.flush(); os.abort()',
    "chatty": "print('CUDA out of memory, so a smaller batch is tried'); raise SystemExit(3)",
}


def failures(project):
    listed = json.loads(project.run("runs", "--json", "-n", "100").stdout)
    return {run["version"]: (run["failure"], run["error"]) for run in listed}


def test_what_a_run_raises_when_memory_runs_out_is_out_of_memory(make_project, tmp_path):
    project = make_project(tmp_path, {"net.py": SCRIPT}, ["net.py"], [])
    for name, source in FAKES.items():
        project.write_script(name, source)
    assert project.run("-r", "-j", "2", timeout=120).returncode == 1
    assert failures(project) == {
        "plain": ("out_of_memory", "MemoryError"),
        "raised again": ("out_of_memory", "ValueError: no batch, from MemoryError"),
        "torch": ("out_of_memory", "torch.OutOfMemoryError: Allocation on device 0 would exceed allowed memory"),
        "older torch": ("out_of_memory", "RuntimeError: CUDA out of memory. Tried to allocate 2.00 GiB (GPU 0)"),
        "tensorflow": (
            "out_of_memory",
            "tensorflow.python.framework.errors_impl.ResourceExhaustedError: "
            "OOM when allocating tensor with shape[64,64]",
        ),
        "jax": (
            "out_of_memory",
            "jaxlib.xla_extension.XlaRuntimeError: RESOURCE_EXHAUSTED: Out of memory while trying to allocate 9 bytes.",
        ),
        "another": ("exception", "RuntimeError: the memory of an elephant"),
    }
    assert "net:plain failed (out_of_memory) after" in project.log


def test_a_script_that_finds_no_memory_while_it_is_imported_is_no_bad_one(make_project, tmp_path):
    source = f"""
import os
from mlpipeline import FunctionModel, Versions
{EAT}
if "MLP_ATTEMPT_ID" in os.environ:
    eat()
def train():
    pass
versions = Versions()
versions.add_version("v")
MODEL = FunctionModel(train, versions)
"""
    project = make_project(tmp_path, {"net.py": source})
    assert project.run("-r").returncode == 1, project.log
    assert failures(project) == {"v": ("out_of_memory", "net.py: cannot be imported: MemoryError")}


def test_a_command_whose_last_words_are_of_memory_is_out_of_memory(make_project, tmp_path):
    lines = "".join(f"v.add_version({name!r}, word={name!r})\n" for name in COMMANDS)
    words = [sys.executable, "-c", "import runpy, sys; runpy.run_path(sys.argv[1])", "{word}.txt"]
    source = (
        f"from mlpipeline import CommandModel, Versions\nv = Versions()\n{lines}MODEL = CommandModel({words!r}, v)\n"
    )
    project = make_project(tmp_path, {"net.py": source})
    for name, program in COMMANDS.items():
        (project.root / f"{name}.txt").write_text(program)
    assert project.run("-r").returncode == 1
    says = "its last output says that memory ran out"
    assert failures(project) == {
        "python": ("out_of_memory", f"the command ended with exit status 1: {says}"),
        "c_plus_plus": ("out_of_memory", f"the command was killed by SIGABRT: {says}"),
        "chatty": ("exit", "the command ended with exit status 3"),
    }
