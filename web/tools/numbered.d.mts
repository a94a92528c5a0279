/** What is told from a picture. */
export interface Numbered {
  readonly number: number;
  /** The number of the field's colour. */
  readonly colour: number;
}

export function camera(number: number): Buffer;
export function numberOf(video: HTMLVideoElement): Numbered;
