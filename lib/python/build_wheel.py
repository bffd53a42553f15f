"""Builds the wheel of the package runlog, as a PEP 517 back end and as a program.

As a back end, for `pip install ./lib/python`: builds the native module with CMake in a directory of
its own, and packs it. As a program, for CMake's target `wheel`, packs a module that is built:

    build_wheel.py --module _native.abi3.so --out DIR

The standard library and CMake are all that it needs. The same files give the same bytes.
"""

import argparse
import base64
import hashlib
import os
import re
import shutil
import subprocess
import sys
import sysconfig
import tempfile
import zipfile
from pathlib import Path

HERE = Path(__file__).resolve().parent
SOURCE = HERE.parent.parent
MODULE_NAME = "_native.abi3.so"
OLDEST_PYTHON = "cp310"
NEWEST_GLIBC = (2, 36)
LIBRARIES = {"libc.so.6", "libm.so.6", "libdl.so.2", "libpthread.so.0", "ld-linux-x86-64.so.2",
             "ld-linux-aarch64.so.1"}
TIME = (1980, 1, 1, 0, 0, 0)


def version():
    found = re.search(r"^project\(runlog\s+VERSION ([0-9.]+)",
                      (SOURCE / "CMakeLists.txt").read_text(encoding="utf-8"), re.MULTILINE)
    if found is None:
        raise SystemExit(f"build_wheel: no version in {SOURCE}/CMakeLists.txt")
    return found[1]


def tag(module):
    """abi3 serves every Python from the oldest on; another module serves the one that built it."""
    platform = sysconfig.get_platform().replace("-", "_").replace(".", "_")
    if module.name == MODULE_NAME:
        return f"{OLDEST_PYTHON}-abi3-{platform}"
    python = f"cp{sys.version_info.major}{sys.version_info.minor}"
    return f"{python}-{python}{getattr(sys, 'abiflags', '')}-{platform}"


def check(module):
    """Refuses a module that needs more than the C library, or a newer one than it should."""
    words = subprocess.run(["objdump", "-p", module], check=True, capture_output=True,
                           text=True).stdout
    foreign = set(re.findall(r"NEEDED\s+(\S+)", words)) - LIBRARIES
    if foreign:
        raise SystemExit(f"build_wheel: {module} needs {', '.join(sorted(foreign))}")
    versions = {tuple(map(int, number.split(".")))
                for number in re.findall(r"\bGLIBC_([0-9.]+)", words)}
    if versions and max(versions) > NEWEST_GLIBC:
        newest = ".".join(map(str, max(versions)))
        print(f"build_wheel: warning: {module} needs glibc {newest}, that of this machine",
              file=sys.stderr)


def metadata():
    return (f"Metadata-Version: 2.1\nName: runlog\nVersion: {version()}\n"
            "Summary: Crash-proof logging of machine-learning training metrics\n"
            "License: Apache-2.0\nRequires-Python: >=3.10\n")


def pack(module, directory):
    """Writes the wheel and returns its name."""
    check(module)
    info = f"runlog-{version()}.dist-info"
    files = {f"runlog/{path.name}": path.read_bytes()
             for path in sorted((HERE / "runlog").iterdir())
             if path.suffix in {".py", ".pyi"} or path.name == "py.typed"}
    files[f"runlog/{module.name}"] = module.read_bytes()
    files[f"{info}/LICENSE"] = (SOURCE / "LICENSE").read_bytes()
    files[f"{info}/NOTICE"] = (HERE / "NOTICE").read_bytes()
    files[f"{info}/METADATA"] = metadata().encode()
    files[f"{info}/WHEEL"] = (f"Wheel-Version: 1.0\nGenerator: runlog\nRoot-Is-Purelib: false\n"
                              f"Tag: {tag(module)}\n").encode()
    lines = []
    for name, content in files.items():
        digest = base64.urlsafe_b64encode(hashlib.sha256(content).digest()).rstrip(b"=").decode()
        lines.append(f"{name},sha256={digest},{len(content)}\n")
    files[f"{info}/RECORD"] = ("".join(lines) + f"{info}/RECORD,,\n").encode()
    name = f"runlog-{version()}-{tag(module)}.whl"
    Path(directory).mkdir(parents=True, exist_ok=True)
    partial = Path(directory) / (name + ".part")
    with zipfile.ZipFile(partial, "w", zipfile.ZIP_DEFLATED) as archive:
        for file, content in files.items():
            entry = zipfile.ZipInfo(file, TIME)
            entry.compress_type = zipfile.ZIP_DEFLATED
            entry.external_attr = (0o755 if file.endswith(".so") else 0o644) << 16
            archive.writestr(entry, content)
    partial.replace(Path(directory) / name)
    return name


def build(directory):
    """Builds the module in `directory`; returns its path."""
    if not (SOURCE / "lib" / "include" / "runlog" / "runlog.h").exists():
        raise SystemExit(f"build_wheel: {HERE} is not in a source tree of runlog, which it needs")
    if shutil.which("cmake") is None:
        raise SystemExit("build_wheel: no cmake; on Debian and Ubuntu: apt install cmake")
    generator = ["-G", "Ninja"] if shutil.which("ninja") else []
    subprocess.run(["cmake", "-S", SOURCE, "-B", directory, *generator,
                    "-DCMAKE_BUILD_TYPE=Release", "-DBUILD_SHARED_LIBS=OFF",
                    "-DRUNLOG_BUILD_PYTHON=ON", "-DRUNLOG_BUILD_TOOLS=OFF",
                    "-DRUNLOG_BUILD_TESTS=OFF", "-DRUNLOG_BUILD_EXAMPLES=OFF",
                    "-DRUNLOG_INSTALL=OFF", f"-DPython3_EXECUTABLE={sys.executable}"], check=True)
    subprocess.run(["cmake", "--build", directory, "--target", "runlog_python",
                    "--parallel", str(len(os.sched_getaffinity(0)))], check=True)
    return next(Path(directory, "python", "runlog").glob("_native.*so"))


# ---- PEP 517 ----

def prepare_metadata_for_build_wheel(metadata_directory, config_settings=None):
    """Without it pip would build all of it once more for these lines."""
    info = Path(metadata_directory, f"runlog-{version()}.dist-info")
    info.mkdir()
    (info / "METADATA").write_text(metadata(), encoding="utf-8")
    return info.name


def build_wheel(wheel_directory, config_settings=None, metadata_directory=None):
    """`--config-settings build-dir=DIR` keeps the build, so that the next one is quick."""
    kept = (config_settings or {}).get("build-dir")
    if kept:
        return pack(build(kept), wheel_directory)
    with tempfile.TemporaryDirectory(prefix="runlog-wheel-") as directory:
        return pack(build(directory), wheel_directory)


def build_sdist(sdist_directory, config_settings=None):
    raise SystemExit("build_wheel: there are no source packages: the module is built from the whole "
                     "tree of runlog; use its repository, or a wheel")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--module", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    arguments = parser.parse_args()
    print(arguments.out / pack(arguments.module, arguments.out))


if __name__ == "__main__":
    main()
