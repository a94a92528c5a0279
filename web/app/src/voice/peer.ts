/** What a peer connection tells. */
export type PeerEvent = 'up' | 'lost';

/** The server sends something every 400 ms at least, also of silence: one such packet may be lost, and more than that is a broken connection. */
const SILENT_MS = 900;
/** How often it is looked whether something came. */
const LOOK_MS = 150;

/** Own addresses are gathered for at most this long: the server is reached from wherever we come. */
const GATHER_MS = 250;

/** One peer connection: one microphone out, one mix in. A network change is answered by a fresh one. */
export class Peer {
  readonly #connection = new RTCPeerConnection({ bundlePolicy: 'max-bundle' });
  readonly #audio = document.createElement('audio');
  readonly #tell: (event: PeerEvent) => void;
  #sender: RTCRtpSender | undefined;
  #watching: ReturnType<typeof setInterval> | undefined;

  constructor(stream: MediaStream, speaker: string | undefined, tell: (event: PeerEvent) => void) {
    const connection = this.#connection;
    this.#tell = tell;
    const track = stream.getAudioTracks()[0];
    this.#sender = track ? connection.addTrack(track, stream) : undefined;
    this.#audio.autoplay = true;
    this.#audio.hidden = true;
    document.body.append(this.#audio);
    if (speaker) this.sink(speaker);
    connection.addEventListener('track', (event) => {
      this.#audio.srcObject = event.streams[0] ?? new MediaStream([event.track]);
      void this.#audio.play().catch(() => {});
    });
    connection.addEventListener('connectionstatechange', () => {
      if (connection.connectionState === 'connected') {
        tell('up');
        this.#watch();
      }
      if (connection.connectionState === 'disconnected' || connection.connectionState === 'failed') tell('lost');
    });
  }

  async offer(): Promise<string> {
    const connection = this.#connection;
    await connection.setLocalDescription(await connection.createOffer());
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

  async accept(answer: string): Promise<void> {
    await this.#connection.setRemoteDescription({ type: 'answer', sdp: answer });
  }

  async replace(track: MediaStreamTrack | null): Promise<void> {
    await this.#sender?.replaceTrack(track);
  }

  sink(id: string): void {
    void (this.#audio as { setSinkId?: (id: string) => Promise<void> }).setSinkId?.(id).catch(() => {});
  }

  /** Tells that nothing comes any more, long before the browser gives the connection up: it asks that by itself only every few seconds. */
  #watch(): void {
    let [packets, since, told, looking] = [-1, performance.now(), false, false];
    clearInterval(this.#watching);
    this.#watching = setInterval(async () => {
      if (looking) return;
      looking = true;
      const received = await this.#received();
      looking = false;
      const now = performance.now();
      if (received !== packets) [packets, since, told] = [received, now, false];
      else if (!told && now - since > SILENT_MS) {
        told = true;
        this.#tell('lost');
      }
    }, LOOK_MS);
  }

  async #received(): Promise<number> {
    let received = 0;
    for (const report of (await this.#connection.getStats()).values())
      if (report.type === 'inbound-rtp') received += report.packetsReceived;
    return received;
  }

  close(): void {
    clearInterval(this.#watching);
    this.#connection.close();
    this.#audio.srcObject = null;
    this.#audio.remove();
  }
}
