#!/usr/bin/env python3
"""A TCP relay that makes loopback far away: latency_proxy.py TARGET_PORT DELAY_MS

Prints the port on 127.0.0.1 that it listens on, then holds every chunk for DELAY_MS in each direction (a round trip takes twice
that), set-up of the connection included.  It limits neither bandwidth nor what is under way: it shows round trips, nothing else.
"""
import asyncio
import socket
import sys

CHUNK = 1 << 18


async def pump(reader, writer, delay):
    """Copies one direction; what was read at t is written at t + delay, its end too."""
    loop = asyncio.get_running_loop()
    queue = asyncio.Queue()

    async def write_later():
        while True:
            due, data = await queue.get()
            await asyncio.sleep(max(0, due - loop.time()))
            if not data:
                break
            writer.write(data)
            await writer.drain()
        if writer.can_write_eof():
            writer.write_eof()

    async def read():
        data = True
        while data:
            try:
                data = await reader.read(CHUNK)
            except OSError:
                data = b""
            queue.put_nowait((loop.time() + delay, data))

    await asyncio.gather(read(), write_later(), return_exceptions=True)


async def serve(target, delay):
    async def relay(reader, writer):
        await asyncio.sleep(2 * delay)  # the handshake's round trip
        far_reader, far_writer = await asyncio.open_connection("127.0.0.1", target, limit=4 * CHUNK)
        for end in (writer, far_writer):
            end.get_extra_info("socket").setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        await asyncio.gather(pump(reader, far_writer, delay), pump(far_reader, writer, delay))
        for end in (writer, far_writer):
            end.close()

    server = await asyncio.start_server(relay, "127.0.0.1", 0, limit=4 * CHUNK)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()


if __name__ == "__main__":
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    asyncio.run(serve(int(sys.argv[1]), float(sys.argv[2]) / 1000))
