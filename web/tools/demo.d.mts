export interface Demo {
  readonly url: string;
  stop(): Promise<void>;
}

export function startDemo(binary: string, data: string): Promise<Demo>;
