"""Reads and writes lines of the plainest CSV, for numba to compile (see `shared/anomaly_detection/native.py`).

Plain are four fields, time, device, sensor and number, without quotes, of a series that has a model. `scan` gives up at
the first line that is anything else, and leaves the block to a reader that knows all of CSV.
"""

from shared.anomaly_detection.native import Bytes, Floats, Integers, inlined

NEWLINE, SPACE, QUOTE, COMMA, MINUS, DOT = 10, 32, 34, 44, 45, 46
ZERO, NINE = 48, 57
DIGITS = 15  # so many make an integer that a float64 holds exactly; dividing it by a power of ten then rounds once
PRIME, BASIS = 1099511628211, -3750763034362895579  # FNV-1a, http://www.isthe.com/chongo/tech/comp/fnv/


@inlined
def find(
    data: Bytes, first: int, last: int, code: int, keys: Bytes, bounds: Integers, table: Integers, mask: int
) -> int:
    """The number of the key that equals data[first:last], -1 where none does."""
    slot = code & mask
    while table[slot] >= 0:
        key: int = table[slot]
        start = bounds[key]
        if bounds[key + 1] - start == last - first:
            same = 0
            while same < last - first and keys[start + same] == data[first + same]:
                same += 1
            if same == last - first:
                return key
        slot = (slot + 1) & mask
    return -1


def index(keys: Bytes, bounds: Integers, count: int, table: Integers, mask: int) -> int:
    """Fill the hash table, all -1 and with free places, with the numbers of keys[bounds[n]:bounds[n + 1]]."""
    for key in range(count):
        code = BASIS
        for at in range(bounds[key], bounds[key + 1]):
            code = (code ^ keys[at]) * PRIME
        slot = code & mask
        while table[slot] >= 0:
            slot = (slot + 1) & mask
        table[slot] = key
    return 0


@inlined
def skip_time(data: Bytes, at: int, size: int) -> int:
    """Where the field after the time begins; -1 where the time is not plain text."""
    first = at
    while at < size and data[at] != COMMA:
        if data[at] < SPACE or data[at] == QUOTE or data[at] >= 128:
            return -1
        at += 1
    return at + 1 if first < at < size else -1


@inlined
def parse_number(data: Bytes, at: int, size: int, powers: Floats, values: Floats, line: int) -> int:
    """Put a number such as -12.5 into values[line]; where it ends, or -1 where it is not written like that."""
    sign = 1.0
    if at < size and data[at] == MINUS:
        sign = -1.0
        at += 1
    first, mantissa, point = at, 0, -1
    while at < size and data[at] != NEWLINE:
        byte = data[at]
        if byte >= ZERO and byte <= NINE:
            mantissa = mantissa * 10 + (byte - ZERO)
        elif byte == DOT and point < 0:
            point = at
        else:
            return -1
        at += 1
    fraction = at - point - 1 if point >= 0 else 0
    whole = (point if point >= 0 else at) - first
    if whole < 1 or whole + fraction > DIGITS:
        return -1
    values[line] = sign * mantissa / powers[fraction]
    return at


def scan(
    data: Bytes,
    size: int,
    keys: Bytes,
    bounds: Integers,
    table: Integers,
    mask: int,
    powers: Floats,
    series: Integers,
    values: Floats,
    ends: Integers,
) -> int:
    """The key, the number and the end of every line; how many there are, or -1 where one is not plain."""
    at = 0
    line = 0
    while at < size:
        first = skip_time(data, at, size)
        if first < 0:
            return -1
        at, code, commas = first, BASIS, 0
        while at < size and commas < 2:
            byte = data[at]
            commas += byte == COMMA
            if byte == NEWLINE:
                return -1
            if commas < 2:
                code = (code ^ byte) * PRIME
            at += 1
        key = find(data, first, at - 1, code, keys, bounds, table, mask)
        if key < 0 or commas < 2:
            return -1
        at = parse_number(data, at, size, powers, values, line)
        if at < 0:
            return -1
        series[line] = key
        ends[line] = at
        line += 1
        at += 1
    return line


def append(data: Bytes, ends: Integers, lines: int, flags: Bytes, out: Bytes) -> int:
    """Every line again, with a comma and its flag; how many bytes."""
    at = 0
    to = 0
    for line in range(lines):
        for source in range(at, ends[line]):
            out[to] = data[source]
            to += 1
        out[to] = COMMA
        out[to + 1] = ZERO + flags[line]
        out[to + 2] = NEWLINE
        to += 3
        at = ends[line] + 1
    return to
