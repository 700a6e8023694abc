"""png-colours.py FILE: looks at boxes of a picture (8 bits a channel, RGB or RGBA).
Standard input has lines "RRGGBB x0 y0 x1 y1 at least|most PERCENT": how much of the
box has just that colour. Says which lines do not hold and exits 1 then."""
import struct
import sys
import zlib


def unfilter(kind, line, above, step):
    for i in range(len(line)):
        left = line[i - step] if i >= step else 0
        up = above[i]
        corner = above[i - step] if i >= step else 0
        if kind == 1:
            line[i] = line[i] + left & 255
        elif kind == 2:
            line[i] = line[i] + up & 255
        elif kind == 3:
            line[i] = line[i] + (left + up) // 2 & 255
        elif kind == 4:
            guess = left + up - corner
            best = min((abs(guess - left), 0, left), (abs(guess - up), 1, up), (abs(guess - corner), 2, corner))
            line[i] = line[i] + best[2] & 255
    return line


def rows(path):
    data = open(path, 'rb').read()
    assert data[:8] == b'\x89PNG\r\n\x1a\n', path + ' is no PNG'
    at, packed = 8, b''
    while at < len(data):
        size, kind = struct.unpack('>I4s', data[at:at + 8])
        body = data[at + 8:at + 8 + size]
        if kind == b'IHDR':
            width, height, depth, colour = struct.unpack('>IIBB', body[:10])
        elif kind == b'IDAT':
            packed += body
        at += 12 + size
    assert depth == 8 and colour in (2, 6), 'another kind of PNG'
    step = 3 if colour == 2 else 4
    raw, above, picture = zlib.decompress(packed), bytearray(width * step), []
    for y in range(height):
        start = y * (width * step + 1)
        above = unfilter(raw[start], bytearray(raw[start + 1:start + 1 + width * step]), above, step)
        picture.append([bytes(above[x * step:x * step + 3]) for x in range(width)])
    return picture


picture, bad = rows(sys.argv[1]), 0
for line in sys.stdin:
    colour, x0, y0, x1, y1, _, bound, percent = line.split()
    box = [p for row in picture[int(y0):int(y1)] for p in row[int(x0):int(x1)]]
    share = 100.0 * box.count(bytes.fromhex(colour)) / len(box)
    if share < float(percent) if bound == 'least' else share > float(percent):
        print('%s: %.2f %% of the box, which is not: %s' % (sys.argv[1], share, line.strip()))
        bad = 1
sys.exit(bad)
