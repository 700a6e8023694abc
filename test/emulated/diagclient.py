"""A client of the diagnostics services, which speaks ttrpc and protobuf by itself; for the scripts beside it.
Socket: the one of vallum-host --vsock."""
import socket, struct

def varint(n):
    out = b''
    while n > 127:
        out, n = out + bytes([n & 127 | 128]), n >> 7
    return out + bytes([n])

def field(number, value):
    if isinstance(value, int):
        return varint(number << 3) + varint(value)
    value = value.encode() if isinstance(value, str) else value
    return varint(number << 3 | 2) + varint(len(value)) + value

def fields(data):
    """The last one of each number: bytes, or a number."""
    found, at = {}, 0
    def number():
        nonlocal at
        n = shift = 0
        while True:
            byte, at = data[at], at + 1
            n |= (byte & 127) << shift
            shift += 7
            if byte < 128:
                return n
    while at < len(data):
        tag = number()
        size = number()
        if tag & 7 == 2:
            found[tag >> 3], at = data[at:at + size], at + size
        else:
            found[tag >> 3] = size
    return found

def exact(s, size):
    data = b''
    while len(data) < size:
        more = s.recv(min(65536, size - len(data)))
        if not more:
            raise OSError('the connection ended')
        data += more
    return data

class Client:
    def __init__(self, path):
        self.path, self.stream = path, 1
        self.control = self.connect(1)

    def connect(self, port):
        s = socket.socket(socket.AF_UNIX)
        s.settimeout(120)
        s.connect(self.path)
        s.sendall(b'CONNECT %d\n' % port)
        while exact(s, 1) != b'\n':
            pass
        return s

    def data(self):
        """A data connection and its number."""
        s = self.connect(2)
        return s, struct.unpack('<Q', exact(s, 8))[0]

    def send(self, service, method, payload=b''):
        """The number of the call, for answer()."""
        body = field(1, service) + field(2, method) + field(3, payload)
        self.control.sendall(struct.pack('>IIBB', len(body), self.stream, 1, 0) + body)
        self.stream += 2
        return self.stream - 2

    def answer(self, stream):
        """(0, the answer's payload), or (code, text)."""
        length, answered, kind, _ = struct.unpack('>IIBB', exact(self.control, 10))
        body = fields(exact(self.control, length))
        if (answered, kind) != (stream, 2):
            raise ValueError('answer of type %d to call %d instead of %d' % (kind, answered, stream))
        if 1 not in body:
            return 0, body.get(2, b'')
        status = fields(body[1])
        return status[1], status.get(2, b'').decode()

    def call(self, service, method, payload=b''):
        return self.answer(self.send(service, method, payload))
