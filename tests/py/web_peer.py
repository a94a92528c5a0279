"""A WebRTC end of another make (aiortc) at the media level: web_peer.py HERTZ SECONDS HEARD

Prints {"offer": SDP} and takes {"answer": SDP} on standard input; then says a tone of HERTZ (0: silence) at -10 dBFS for SECONDS and
writes what it hears, 16 bits at 48 kHz in one channel, to the file HEARD. Prints {"connected": true} when sound can pass, and at the
end {"said": frames, "heard": samples}. After {"fresh": true} on standard input it offers a new peer connection and goes on with that.
"""

import asyncio
import json
import sys
import threading

from webrtc import Peer


def say(**words):
    print(json.dumps(words), flush=True)


async def main(hertz, seconds, path):
    loop, lines = asyncio.get_running_loop(), asyncio.Queue()

    def read():
        for line in sys.stdin:
            loop.call_soon_threadsafe(lines.put_nowait, json.loads(line))

    async def begin():
        peer = Peer(hertz)
        say(offer=await peer.offer())
        await peer.answered((await lines.get())["answer"])
        say(connected=True)
        return peer

    threading.Thread(target=read, daemon=True).start()
    peer = await begin()
    end = loop.time() + seconds
    while (left := end - loop.time()) > 0:
        try:
            word = await asyncio.wait_for(lines.get(), left)
        except asyncio.TimeoutError:
            break
        if "fresh" in word:
            old, peer = peer, await begin()
            await old.close()
            end = loop.time() + seconds
    heard, said = peer.write(path), peer.tone.said
    await peer.close()
    say(said=said, heard=heard)


asyncio.run(main(float(sys.argv[1]), float(sys.argv[2]), sys.argv[3]))
