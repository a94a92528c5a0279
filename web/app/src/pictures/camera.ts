import type { Problem, Store, VoiceDevice } from '../model.ts';

/** The camera of this browser, for the settings; the client library gets its pictures by itself. */
export interface CameraState {
  readonly devices: readonly VoiceDevice[];
  readonly chosen?: string;
  readonly status: 'idle' | 'asking' | 'testing';
  /** What the camera sees in a test; nobody else does. */
  readonly preview?: MediaStream;
  readonly problem?: Problem;
  /** This browser can show a screen. */
  readonly screens: boolean;
}

export interface Camera extends Store<CameraState> {
  test(): Promise<boolean>;
  stopTest(): void;
  choose(id: string): Promise<boolean>;
}
