"""Prints the flows of nfcapd files as CSV: python3 flows.py nfcapd.202611241330"""
import ctypes as c, ipaddress, sys

class View(c.Structure):  # nfdump_block_view; members that are not used here are room
    _fields_ = [("size", c.c_size_t), ("data", c.c_void_p), ("data_length", c.c_size_t), ("flows", c.c_void_p),
                ("num_flows", c.c_size_t), ("room", c.c_uint8 * 480)]

ABI = 5
lib = c.CDLL(f"libnfdecode.so.{ABI}")
lib.nfdump_block_new.restype = lib.nfdump_field_find.restype = c.c_void_p
NAMES = "first last proto src4_addr src6_addr dst4_addr dst6_addr src_port dst_port in_packets in_bytes".split()
FIELDS = {name: c.c_void_p(lib.nfdump_field_find(name.encode())) for name in NAMES}
block, view, ref, value, length = c.c_void_p(lib.nfdump_block_new()), View(c.sizeof(View)), c.create_string_buffer(32), c.c_void_p(), c.c_size_t()

def field(flow, name):
    found = lib.nfdump_field_value(c.byref(view), c.c_size_t(flow), FIELDS[name], c.byref(value), c.byref(length))
    return c.string_at(value, length.value) if found == 0 else None

def address(flow, side):  # numbers of 4 or 8 bytes to network order
    v4, v6 = field(flow, side + "4_addr"), field(flow, side + "6_addr")
    return ipaddress.ip_address(v4[::-1]) if v4 else ipaddress.ip_address(v6[7::-1] + v6[:7:-1]) if v6 else ""

def number(flow, name):
    stored = field(flow, name)
    return "" if stored is None else int.from_bytes(stored, "little")

print("first,last,proto,src_addr,dst_addr,src_port,dst_port,in_packets,in_bytes")
for path in sys.argv[1:]:
    file, cursor = c.c_void_p(), c.create_string_buffer(64)
    if lib.nfdump_file_open_path(path.encode(), 0, c.byref(file), None) != 0:
        sys.exit(f"{path}: cannot be read as an nfcapd file")
    while (status := lib.nfdump_file_next(file, cursor, ref, None)) != 1:  # NFDUMP_END
        if status != 0 or lib.nfdump_block_load(block, file, ref, c.byref(view), None) != 0:
            print(f"{path}: damaged", file=sys.stderr)
            continue
        for flow in range(view.num_flows):
            print(number(flow, "first"), number(flow, "last"), number(flow, "proto"), address(flow, "src"), address(flow, "dst"),
                  *(number(flow, name) for name in NAMES[7:]), sep=",")
    lib.nfdump_file_close(file)
