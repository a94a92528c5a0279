/** Own addresses are gathered for at most this long: the server is reached from wherever we come. */
const GATHER_MS = 250;

/** How often it is looked whether pictures come, and after how many looks without any they have stopped. */
const LOOK_MS = 1_000;
const LOOKS_MAX = 3;

/** The least of a peer connection that pictures need: one of ours out, or those of others in. */
export class Link {
  readonly #connection = new RTCPeerConnection({ bundlePolicy: 'max-bundle' });
  readonly #tell: (event: 'up' | 'lost' | 'stalled') => void;
  #sender: RTCRtpSender | undefined;
  #looking: ReturnType<typeof setInterval> | undefined;

  constructor(tell: (event: 'up' | 'lost' | 'stalled') => void) {
    const connection = this.#connection;
    this.#tell = tell;
    connection.addEventListener('connectionstatechange', () => {
      if (connection.connectionState === 'connected') tell('up');
      if (connection.connectionState === 'disconnected' || connection.connectionState === 'failed') tell('lost');
    });
  }

  /** Offers to send this track, and nothing else. */
  async offer(track: MediaStreamTrack, stream: MediaStream, mostBps: number): Promise<string> {
    const connection = this.#connection;
    const { sender } = connection.addTransceiver(track, {
      direction: 'sendonly',
      streams: [stream],
      sendEncodings: [{ maxBitrate: mostBps }],
    });
    this.#sender = sender;
    await connection.setLocalDescription(await connection.createOffer());
    return this.#gathered();
  }

  async accept(answer: string): Promise<void> {
    await this.#connection.setRemoteDescription({ type: 'answer', sdp: answer });
  }

  /** Takes an offer, the first or a further one, and answers it. */
  async answer(offer: string): Promise<string> {
    const connection = this.#connection;
    await connection.setRemoteDescription({ type: 'offer', sdp: offer });
    await connection.setLocalDescription(await connection.createAnswer());
    this.#look();
    return this.#gathered();
  }

  /** A picture that came and stops coming is told of once: whoever shows it may have begun anew in another way. */
  #look(): void {
    const known = new Map<string, { packets: number; looks: number }>();
    clearInterval(this.#looking);
    this.#looking = setInterval(async () => {
      let stalled = false;
      for (const report of (await this.#connection.getStats()).values()) {
        if (report.type !== 'inbound-rtp' || report.kind !== 'video') continue;
        const { packets, looks } = known.get(report.id) ?? { packets: 0, looks: 0 };
        const now = report.packetsReceived === packets ? { packets, looks: looks + 1 } : { packets: report.packetsReceived, looks: 0 };
        known.set(report.id, now);
        if (now.packets > 0 && now.looks === LOOKS_MAX) stalled = true;
      }
      if (stalled) this.#tell('stalled');
    }, LOOK_MS);
  }

  /** What comes in this section. */
  track(mid: string): MediaStreamTrack | undefined {
    return this.#connection.getTransceivers().find((one) => one.mid === mid)?.receiver.track;
  }

  async replace(track: MediaStreamTrack): Promise<void> {
    await this.#sender?.replaceTrack(track);
  }

  close(): void {
    clearInterval(this.#looking);
    this.#connection.close();
  }

  async #gathered(): Promise<string> {
    const connection = this.#connection;
    await new Promise<void>((done) => {
      if (connection.iceGatheringState === 'complete') return done();
      const timer = setTimeout(done, GATHER_MS);
      connection.addEventListener('icegatheringstatechange', () => {
        if (connection.iceGatheringState !== 'complete') return;
        clearTimeout(timer);
        done();
      });
    });
    return connection.localDescription?.sdp ?? '';
  }
}
