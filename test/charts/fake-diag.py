"""fake-diag.py SOCKET SECONDS [FOLDER]: the socket of --vsock with a diagnostics server behind it that
knows one boot, one log and one profile, for so many seconds; for tests of how vallumctl draws and ends. A file
`stacks` or `marks` (lines "name 100ns") that is in FOLDER when they are asked for is used instead. Asked for
`silent` it never answers, for `gone` it hangs up."""
import os
import socket
import struct
import sys
import threading

MARKS = [('shim-start', 12030000), ('kernel-start', 13120000), ('init-start', 22600000),
         ('paravisor-ready', 23910000), ('vtl0-start', 31050000)]
LOG = b'6,1,1500000,-;Linux version 7\0' + b'12,2,2000000,-;init: mounts\0'
SYSCALL = 'do_syscall_64_[k];__x64_sys_ioctl_[k];mshv_vtl_ioctl_[k];'
STACKS = ''.join(line + '\n' for line in [
    'vallum-vm;vp_thread;vp_run;ioctl;' + SYSCALL + 'mshv_vtl_return_call_[k] 900',
    'vallum-vm;vp_thread;vp_run;ioctl;' + SYSCALL + 'schedule_[k] 40',
    'vallum-vm;vp_thread;vp_run;exit_take;bus_write;serial_write 60',
    'vallum-vm;vp_thread;vp_run;exit_take;bus_read;pci_config_read 30',
    'vallum-vm;vp_thread;vp_run;exit_take;insn_decode 35',
    'vallum-vm;[unknown] 12',
    'vallum;main;paravisor_run;turn;poll;do_syscall_64_[k] 15',
    'vallum-diag;main;<g id="evil"/> 6',
    '[kernel];ret_from_fork_[k];kthread_[k];worker_thread_[k] 56'])


def varint(n):
    out = b''
    while n > 127:
        out += bytes([n & 127 | 128])
        n >>= 7
    return out + bytes([n])


def field(number, value):
    if isinstance(value, int):
        return varint(number << 3) + varint(value)
    return varint(number << 3 | 2) + varint(len(value)) + value


def fields(data):
    at, out = 0, {}

    def number():
        nonlocal at
        n, shift = 0, 0
        while True:
            n |= (data[at] & 127) << shift
            at, shift = at + 1, shift + 7
            if data[at - 1] < 128:
                return n
    while at < len(data):
        key = number()
        value = number()
        if key & 7 == 2:
            value, at = data[at:at + value], at + value
        out[key >> 3] = value
    return out


def given(name):
    """What the caller wants instead of our own."""
    path = os.path.join(sys.argv[3], name) if len(sys.argv) > 3 else ''
    return open(path, 'rb').read() if os.path.exists(path) else None


def marks():
    """InspectResponse {1: Node {4: Dir {1: Entry {1: name, 2: Node {3: {1: Value}}, 3: safe} ...}}}."""
    entries = b''
    lines = [line.split() for line in (given('marks') or b'').decode().splitlines()]
    for name, at in [(name, int(at)) for name, at in lines] or MARKS:
        value = field(1, field(2, field(1, at)))
        entries += field(1, field(1, name.encode()) + field(2, field(3, field(1, value))) + field(3, field(1, b'')))
    return field(1, field(4, entries))


def exactly(stream, size):
    data = b''
    while len(data) < size:
        piece = stream.recv(size - len(data))
        if not piece:
            raise EOFError
        data += piece
    return data


data_streams = {}


def calls(stream):
    while True:
        size, number, _, _ = struct.unpack('>IIBB', exactly(stream, 10))
        request = fields(exactly(stream, size))
        payload, path = b'', fields(request.get(3, b'')).get(1)
        if path == b'silent':
            continue
        if path == b'gone':
            raise EOFError
        if request[2] == b'Inspect':
            payload = marks()
        elif request[2] == b'Kmsg':
            asked = fields(request[3])
            data = data_streams.pop(asked[2])
            data.sendall(LOG)
            if asked.get(1):
                continue
            data.close()
        elif request[2] == b'Profile':
            data = data_streams.pop(fields(request[3])[1])
            stacks = given('stacks')
            data.sendall(STACKS.encode() if stacks is None else stacks)
            data.close()
        answer = field(2, payload)
        stream.sendall(struct.pack('>IIBB', len(answer), number, 2, 0) + answer)


def serve(client):
    line = b''
    while not line.endswith(b'\n'):
        line += exactly(client, 1)
    port = int(line.split()[1])
    client.sendall(b'OK %d\n' % port)
    if port == 2:
        number = id(client)
        data_streams[number] = client
        client.sendall(struct.pack('<Q', number))
        return
    try:
        calls(client)
    except (EOFError, OSError):
        client.close()


listener = socket.socket(socket.AF_UNIX)
listener.bind(sys.argv[1] + '.new')
listener.listen(8)
os.rename(sys.argv[1] + '.new', sys.argv[1])
threading.Timer(float(sys.argv[2]), os._exit, [1]).start()
while True:
    threading.Thread(target=serve, args=[listener.accept()[0]], daemon=True).start()
