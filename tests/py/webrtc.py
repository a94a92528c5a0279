"""A WebRTC end of another make (aiortc): says a tone and keeps what it hears. Used by web_peer.py and web_client.py."""

import asyncio
import fractions
import time

import aioice.ice
import av
import numpy
from aiortc import MediaStreamTrack, RTCPeerConnection, RTCSessionDescription

RATE = 48_000
FRAME = 960
# Seconds until a connection must stand.
PATIENCE = 20

# aioice leaves the loopback out, and that is where the tests live.
aioice.ice.get_host_addresses = lambda use_ipv4, use_ipv6: ["127.0.0.1"]


class Tone(MediaStreamTrack):
    """Says a tone of `hertz` (0: silence) at -10 dBFS, one frame of 20 ms after the other."""

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
        # In both channels: what aiortc would make of one is 3 dB softer.
        frame = av.AudioFrame.from_ndarray(samples.repeat(2).reshape(1, -1), format="s16", layout="stereo")
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
        """A session description, with all candidates."""
        await self.connection.setLocalDescription(await self.connection.createOffer())
        return self.connection.localDescription.sdp

    async def answered(self, sdp):
        """Takes the answer; done when sound can pass."""
        await self.connection.setRemoteDescription(RTCSessionDescription(sdp, "answer"))
        await asyncio.wait_for(self.connected.wait(), PATIENCE)

    def write(self, path):
        """Writes what was heard, 16 bits at 48 kHz in one channel, and says how many samples that are."""
        heard = numpy.concatenate(self.heard) if self.heard else numpy.zeros(0, numpy.int16)
        heard.astype("<i2").tofile(path)
        return len(heard)

    async def close(self):
        if self.listening is not None:
            self.listening.cancel()
        await self.connection.close()
