# SPDX-License-Identifier: MPL-2.0
"""A pytest plugin: writes which libzmq a test process has loaded into the file LOADED_LIBZMQ names."""
import os


def pytest_sessionfinish():
    with open("/proc/self/maps", encoding="utf-8") as maps:
        paths = {line.split()[-1] for line in maps if ".so" in line}
    with open(os.environ["LOADED_LIBZMQ"], "w", encoding="utf-8") as out:
        out.write("\n".join(sorted(path for path in paths if "/libzmq" in path or "/libscif" in path)))
