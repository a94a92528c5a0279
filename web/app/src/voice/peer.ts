/** What a peer connection tells. */
export type PeerEvent = 'up' | 'lost';

/** Own addresses are gathered for at most this long: the server is reached from wherever we come. */
const GATHER_MS = 250;

/** One peer connection: one microphone out, one mix in. A network change is answered by a fresh one. */
export class Peer {
  readonly #connection = new RTCPeerConnection({ bundlePolicy: 'max-bundle' });
  readonly #audio = document.createElement('audio');
  #sender: RTCRtpSender | undefined;

  constructor(stream: MediaStream, speaker: string | undefined, tell: (event: PeerEvent) => void) {
    const connection = this.#connection;
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
      if (connection.connectionState === 'connected') tell('up');
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

  close(): void {
    this.#connection.close();
    this.#audio.srcObject = null;
    this.#audio.remove();
  }
}
