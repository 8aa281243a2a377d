# SPDX-License-Identifier: MPL-2.0
"""talker.py push|pull|req|rep ENDPOINT COUNT

A pyzmq program that knows nothing of scif. It binds (pull, rep: prints the endpoint) or connects
(push, req), sends or answers COUNT messages, checks what comes, and tells which libzmq the process
has loaded. One line of JSON per fact on standard output.
"""
import json
import sys

import zmq


def loaded():
    """The files of libzmq and libscif that are mapped into this process."""
    with open("/proc/self/maps", encoding="utf-8") as maps:
        paths = {line.split()[-1] for line in maps if ".so" in line}
    return sorted(path for path in paths if "/libzmq" in path or "/libscif" in path)


def say(**facts):
    print(json.dumps(facts), flush=True)


def message(number):
    """Parts of the message of that number; the sizes go beyond what goes inline."""
    return [str(number).encode(), bytes([number % 251]) * (number * 997 % 300_000)]


def main(role, endpoint, count):
    context = zmq.Context()
    socket = context.socket(getattr(zmq, role.upper()))
    socket.rcvtimeo = socket.sndtimeo = 30_000
    socket.linger = 30_000
    if role in ("pull", "rep"):
        socket.bind(endpoint)
        say(endpoint=socket.last_endpoint.decode().rstrip("\0"))
    else:
        socket.connect(endpoint)
    good = 0
    for number in range(count):
        if role in ("push", "req"):
            socket.send_multipart(message(number))
        if role in ("pull", "rep", "req"):
            good += socket.recv_multipart() == message(number)
        if role == "rep":
            socket.send_multipart(message(number))
    socket.close()
    context.term()
    say(role=role, good=good, version=zmq.zmq_version(), scif=bool(zmq.has("scif")), loaded=loaded())


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], int(sys.argv[3]))
