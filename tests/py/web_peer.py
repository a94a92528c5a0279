"""A WebRTC end of another make (aiortc) at the media level: web_peer.py HERTZ SECONDS HEARD

Prints {"offer": SDP} and takes {"answer": SDP} on standard input; then says a tone of HERTZ (0: silence) at -10 dBFS for SECONDS and
writes what it hears, 16 bits at 48 kHz in one channel, to the file HEARD. Prints {"connected": true} when sound can pass, and at the
end {"said": frames, "heard": samples}. After {"fresh": true} on standard input it offers a new peer connection and goes on with that.
"""

import asyncio
import fractions
import json
import sys
import threading
import time

import av
import numpy
from aiortc import MediaStreamTrack, RTCPeerConnection, RTCSessionDescription

RATE = 48_000
FRAME = 960


class Tone(MediaStreamTrack):
    """Says a tone, one frame of 20 ms after the other."""

    kind = "audio"

    def __init__(self, hertz):
        super().__init__()
        self.hertz = hertz
        self.said = 0
        self.begin = None

    async def recv(self):
        if self.begin is None:
            self.begin = time.monotonic()
        wait = self.begin + self.said * FRAME / RATE - time.monotonic()
        if wait > 0:
            await asyncio.sleep(wait)
        at = numpy.arange(self.said * FRAME, (self.said + 1) * FRAME)
        peak = 32_767 * 10 ** (-10 / 20) if self.hertz else 0
        samples = (peak * numpy.sin(2 * numpy.pi * self.hertz * at / RATE)).astype(numpy.int16)
        frame = av.AudioFrame.from_ndarray(samples.reshape(1, -1), format="s16", layout="mono")
        frame.sample_rate = RATE
        frame.time_base = fractions.Fraction(1, RATE)
        frame.pts = self.said * FRAME
        self.said += 1
        return frame


class Peer:
    """One peer connection."""

    def __init__(self, hertz):
        self.connection = RTCPeerConnection()
        self.tone = Tone(hertz)
        self.connection.addTrack(self.tone)
        self.heard = []
        self.listening = None
        self.connected = asyncio.Event()
        self.connection.on("track", self.track)
        self.connection.on("connectionstatechange", self.changed)

    def changed(self):
        if self.connection.connectionState == "connected":
            self.connected.set()

    def track(self, track):
        self.listening = asyncio.ensure_future(self.listen(track))

    async def listen(self, track):
        while True:
            frame = await track.recv()
            samples = frame.to_ndarray().reshape(-1)
            if frame.layout.name == "stereo":
                samples = samples.reshape(-1, 2).mean(axis=1).astype(numpy.int16)
            self.heard.append(samples)

    async def offer(self):
        await self.connection.setLocalDescription(await self.connection.createOffer())
        say(offer=self.connection.localDescription.sdp)

    async def answered(self, sdp):
        await self.connection.setRemoteDescription(RTCSessionDescription(sdp, "answer"))
        await asyncio.wait_for(self.connected.wait(), 20)
        say(connected=True)

    async def close(self):
        if self.listening is not None:
            self.listening.cancel()
        await self.connection.close()


def say(**words):
    print(json.dumps(words), flush=True)


async def main(hertz, seconds, path):
    loop, lines = asyncio.get_running_loop(), asyncio.Queue()

    def read():
        for line in sys.stdin:
            loop.call_soon_threadsafe(lines.put_nowait, json.loads(line))

    threading.Thread(target=read, daemon=True).start()
    peer = Peer(hertz)
    await peer.offer()
    await peer.answered((await lines.get())["answer"])
    end = loop.time() + seconds
    while (left := end - loop.time()) > 0:
        try:
            word = await asyncio.wait_for(lines.get(), left)
        except asyncio.TimeoutError:
            break
        if "fresh" in word:
            old, peer = peer, Peer(hertz)
            await peer.offer()
            await peer.answered((await lines.get())["answer"])
            await old.close()
            end = loop.time() + seconds
    heard = numpy.concatenate(peer.heard) if peer.heard else numpy.zeros(0, numpy.int16)
    heard.astype("<i2").tofile(path)
    said = peer.tone.said
    await peer.close()
    say(said=said, heard=len(heard))


asyncio.run(main(float(sys.argv[1]), float(sys.argv[2]), sys.argv[3]))
